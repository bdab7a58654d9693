"""scripts.cli.configure_script: which options go with a script, what it reads by default, what is told before it starts."""

import contextlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from scripts.cli.arguments import parse
from scripts.cli.configure import build
from scripts.cli.configure_script import MOST_CHANNELS
from scripts.errors import LaunchError
from tests.support.person import Kennel

METRIC = ("--metric", "loss=Loss: ([0-9.]+)")


def config(kennel: Kennel, *words: str) -> Any:
    with contextlib.chdir(kennel.folder):
        return build(parse([*words, "--role-arn", "arn:aws:iam::123456789012:role/r"]), datetime.now(UTC))


def told(kennel: Kennel, *words: str) -> str:
    with pytest.raises(LaunchError) as raised:
        config(kennel, *words)
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.fixture()
def person(kennel: Kennel) -> Kennel:
    (kennel.folder / "train.py").write_text("print('Loss: 1')\n")
    data = kennel.folder / "my data"
    data.mkdir()
    (data / "a.csv").write_text("1")
    return kennel


def test_options_of_the_other_kind_of_job_are_refused(person: Kennel) -> None:
    for words in (("--metric", "a=(b)"), ("--source", "."), ("--channel", "none")):
        assert told(person, "train", *words) == f"{words[0]}: goes with --script"
    assert told(person, "tune", "--range", "a=1:2") == "--range: goes with --script"
    assert told(person, "tune", "--minimize") == "--minimize: goes with --script"
    for verb, flag in (("train", "--fine-tune"), ("train", "--no-weights"), ("tune", "--plain")):
        assert told(person, verb, "--script", "train.py", flag) == (
            f"{flag}: is for the picture classifier; leave it out with --script"
        )
    assert "--data-name dogs: --channel says" in told(
        person, "train", "--script", "train.py", "--data-name", "dogs", "--channel", "none"
    )


def test_it_reads_the_uploaded_pictures_or_what_is_named(person: Kennel) -> None:
    words = ("train", "--script", "train.py")
    assert "start with kennel data, or give --channel NAME=FOLDER, or --channel none" in told(person, *words)
    assert told(person, "train").partition(": ")[2] == "no set of pictures was uploaded from here yet; start with kennel data"
    person.state(data="dogs", weights="resnet18")
    assert config(person, *words).channels == {
        "train": "s3://kennel-local/kennel/data/dogs/train/",
        "validation": "s3://kennel-local/kennel/data/dogs/valid/",
        "test": "s3://kennel-local/kennel/data/dogs/test/",
    }
    assert config(person, *words, "--channel", "none").channels == {}
    found = config(person, *words, "--channel", "a=s3://other/place", "--channel", "b=my data")
    (prefix,) = found.script.folders
    assert prefix.startswith("kennel/channels/my-data-") and list(found.script.folders[prefix]) == ["a.csv"]
    assert found.channels == {"a": "s3://other/place", "b": f"s3://kennel-local/{prefix}"}
    assert set(config(person, "tune", *words[1:], *METRIC, "--range", "a=1:2").channels) == {"train", "validation", "test"}


def test_a_channel_that_is_none_is_told(person: Kennel) -> None:
    (person.folder / "empty").mkdir()
    for channel, words in (
        ("train", "need NAME=FOLDER or NAME=s3://BUCKET/PREFIX"),
        ("a b=x", "need NAME=FOLDER"),
        ("code=my data", "brings the script itself"),
        ("a=nowhere", "no such folder"),
        (
            "a=train.py",
            "--channel a=train.py: is a file, and a channel is a folder; put it in one of its own, and give that folder",
        ),
        ("a=empty", "no file in it"),
        ("a=https://x/y", "need s3://BUCKET/PREFIX"),
        ("a=s3:///y", "need s3://BUCKET/PREFIX"),
    ):
        assert f"--channel {channel.partition('=')[0]}" in (
            found := told(person, "train", "--script", "train.py", "--channel", channel)
        )
        assert words in found
    many = [word for number in range(MOST_CHANNELS) for word in ("--channel", f"c{number}=s3://bucket/k")]
    assert len(config(person, "train", "--script", "train.py", *many).channels) == MOST_CHANNELS
    assert "20 of them; at most 19" in told(person, "train", "--script", "train.py", *many, "--channel", "x=s3://bucket/k")


def test_what_is_told_before_it_starts(person: Kennel) -> None:
    words = ("train", "--script", "train.py", "--channel", "none")
    notes = config(person, *words).script.notes
    assert notes[0] == "script train.py alone, 17 bytes" and "no rule looks into it" in notes[1] and "no metric" in notes[2]
    (person.folder / "code" / "__pycache__").mkdir(parents=True)
    (person.folder / "code" / "requirements.txt").write_text("rich")
    (person.folder / "code" / "run.py").write_text("")
    found = config(person, "train", "--script", "run.py", "--source", "code", "--channel", "none", *METRIC, "--backend", "docker",
                   "--train-image", "mine:1", "--rules", "Overfit", "--rules-image", "rules:1")  # fmt: skip
    assert found.script.notes == (
        "script run.py and 1 more file, 4 bytes; left out: __pycache__",
        "its container is cut off the network and can fetch nothing (the packages of requirements.txt); "
        "--no-network-isolation lets it",
    )
    assert [rule.name for rule in found.rules] == ["Overfit"]


def test_a_tuning_needs_a_metric_and_ranges_and_knows_which_way_is_better(person: Kennel) -> None:
    words = ("tune", "--script", "train.py", "--channel", "none")
    assert "--range: 0 of them; need 1 to 30" in told(person, *words, *METRIC)
    assert "--metric: a tuning needs one" in told(person, *words, "--range", "a=1:2")
    assert "--set a: this is what tuning searches" in told(person, *words, *METRIC, "--range", "a=1:2", "--set", "a=1")
    found = config(person, *words, *METRIC, "--range", "a=1:2")
    assert (found.objective, found.better, found.jobs) == ("loss", "low", 20)
    assert config(person, *words, *METRIC, "--range", "a=1:2", "--maximize").better == "high"
    grid = ("--strategy", "Grid", "--range", "a=1,2,3", "--range", "b=x,y")
    assert config(person, *words, *METRIC, *grid).jobs == 6
    assert "--jobs 5: a grid has 6 combinations" in told(person, *words, *METRIC, *grid, "--jobs", "5")
    assert "tries values, not intervals" in told(person, *words, *METRIC, *grid, "--range", "c=1:2")
    band = (*words, *METRIC, "--range", "a=1:2", "--strategy", "Hyperband")
    assert "give --set epochs=N" in told(person, *band)
    assert config(person, *band, "--set", "epochs=9").hyperparameters == {"epochs": "9"}


def test_what_tuning_found_for_a_script_is_taken_up_by_that_script_alone(person: Kennel) -> None:
    (person.folder / ".kennel").mkdir(exist_ok=True)
    path: Path = (person.folder / "train.py").resolve()
    (person.folder / "other.py").write_text("")
    person.write(".kennel/best-scripts.json", {str(path): {"tuning_job": "t", "hyperparameters": {"lr": "0.5", "net": '"a"'}}})
    person.write(".kennel/best.json", {"tuning_job": "classifiers", "hyperparameters": {"epochs": "99"}})
    words = ("--channel", "none", "--set", "net=b")
    found = config(person, "train", "--script", "train.py", *words)
    assert found.hyperparameters == {"lr": "0.5", "net": '"b"'} and found.tuned_by == "t"
    assert config(person, "train", "--script", f"../{person.folder.name}/train.py", *words).tuned_by == "t"
    assert config(person, "train", "--script", "train.py", "--no-best", *words).hyperparameters == {"net": '"b"'}
    assert config(person, "train", "--script", "other.py", *words).tuned_by is None
