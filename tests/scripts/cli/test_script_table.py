"""The table [script] of kennel.toml, and what goes before it."""

import argparse
import contextlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from scripts.cli import script_table
from scripts.cli.arguments import parse
from scripts.cli.configure import build
from scripts.errors import LaunchError
from tests.support.person import Kennel

TABLE = """
[script]
script = "train.py"
source = "code"
[script.hyperparameters]
epochs = 5
lr = 0.01
name = "0.5"
[script.channels]
train = "data"
test = "s3://bucket/test"
[script.metrics]
loss = "Loss: ([0-9.]+)"
"""


@pytest.fixture()
def person(kennel: Kennel) -> Kennel:
    for place in ("code/train.py", "data/a.csv", "other/a.csv"):
        (kennel.folder / place).parent.mkdir(exist_ok=True)
        (kennel.folder / place).write_text("")
    kennel.settings(TABLE)
    return kennel


def config(person: Kennel, *words: str) -> Any:
    with contextlib.chdir(person.folder):
        return build(parse([*words, "--role-arn", "arn:aws:iam::123456789012:role/r"]), datetime.now(UTC))


def test_it_is_what_train_runs_without_options(person: Kennel) -> None:
    made = config(person, "train")
    assert made.script.program == "train.py" and made.script.path == person.folder / "code" / "train.py"
    assert made.hyperparameters == {"epochs": "5", "lr": "0.01", "name": '"0.5"'}, "a text stays one"
    assert list(made.channels) == ["train", "test"] and made.channels["test"] == "s3://bucket/test"
    assert dict(made.metrics) == {"loss": "Loss: ([0-9.]+)"}


def test_options_go_before_it_one_by_one(person: Kennel) -> None:
    words = ("--set", "lr=0.5", "--channel", "test=other", "--metric", "loss=l: (.)", "--metric", "acc=a: (.)")
    made = config(person, "train", *words)
    assert made.hyperparameters == {"epochs": "5", "lr": "0.5", "name": '"0.5"'}
    assert sorted(made.channels) == ["test", "train"] and made.channels["test"].startswith("s3://kennel-local/")
    assert dict(made.metrics) == {"loss": "l: (.)", "acc": "a: (.)"}
    assert config(person, "train", "--channel", "none").channels == {}


def test_what_tuning_found_goes_before_it_and_the_persons_word_before_both(person: Kennel) -> None:
    best = {
        str((person.folder / "code/train.py").resolve()): {"tuning_job": "t", "hyperparameters": {"lr": "0.2", "epochs": "9"}}
    }
    (person.folder / ".kennel").mkdir()
    (person.folder / ".kennel" / "best-scripts.json").write_text(json.dumps(best))
    made = config(person, "train", "--set", "epochs=1")
    assert made.hyperparameters == {"epochs": "1", "lr": "0.2", "name": '"0.5"'}


def test_what_is_searched_is_not_fixed_by_it(person: Kennel) -> None:
    made = config(person, "tune", "--range", "lr=0.1:0.5")
    assert made.hyperparameters == {"epochs": "5", "name": '"0.5"'} and made.objective == "loss"


def test_a_script_on_the_command_line_leaves_it_aside(person: Kennel) -> None:
    made = config(person, "train", "--script", "code/train.py", "--channel", "none")
    assert made.hyperparameters == {} and not made.metrics and not made.channels


def test_without_channels_the_script_gets_no_data(person: Kennel) -> None:
    person.settings('[script]\nscript = "code/train.py"\n')
    assert config(person, "train").channels == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[script]\n", "[script] script: not given; need a text"),
        ("[script]\nscript = 3\n", "[script] script: 3; need a text"),
        ('[script]\nscript = "a"\nchannel = 1\n', "[script] channel: not known; known: script, source, hyperparameters"),
        ('[script]\nscript = "a"\nmetrics = 1\n', "[script] metrics = 1: need a table, [script.metrics]"),
        ('[script]\nscript = "a"\n[script.channels]\ntrain = 1\n', "[script] channels.train: 1; need a text"),
        (
            '[script]\nscript = "a"\nhyperparameters.day = 2026-01-01\n',
            "[script.hyperparameters] day: 2026-01-01; need a",
        ),
        (
            '[script]\nscript = "a"\nhyperparameters.lr = inf\n',
            "[script.hyperparameters] lr: inf; need a finite number",
        ),
        ('[script]\nscript = "a"\nhyperparameters.sagemaker_x = 1\n', "sagemaker_x: such names are SageMaker's own"),
        ('[script]\nscript = "a"\nhyperparameters."a=b" = 1\n', "[script.hyperparameters] 'a=b': need a name without '='"),
        ('[script]\nscript = "a"\nmetrics."a=b" = "l: (.)"\n', "[script.metrics] 'a=b': need a name without '='"),
        ('[script]\nscript = "a"\nchannels."a\\n" = "x"\n', "[script.channels] 'a\\n': need a name without '='"),
        ("script = 1\n", "'script' is not known there"),
    ],
)
def test_what_is_wrong_in_it_is_one_line(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "kennel.toml"
    file.write_text(text)
    line = argparse.Namespace(script=None, source=None, channel=[], metric=[])
    with pytest.raises(LaunchError) as raised:
        script_table.fill(line, file)
    assert words in str(raised.value) and str(raised.value).startswith(str(file)) and "\n" not in str(raised.value)
