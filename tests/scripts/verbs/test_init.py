"""`kennel init`: the file that it writes, and what it says of a script."""

import tomllib

from scripts.files.training_script import TrainingScript
from scripts.verbs.init import project
from tests.support.person import Kennel

SCRIPT = """
import argparse, os
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.01)
parser.add_argument("--seed", type=int, required=True)
parser.add_argument("--train", default=os.environ["SM_CHANNEL_TRAIN"])
print(f"Average loss: {1}")
"""


def test_it_says_what_it_found_and_what_is_missing(kennel: Kennel) -> None:
    (kennel.folder / "train.py").write_text(SCRIPT)
    said = kennel.run("init", "--from", "train.py").stdout
    assert said.splitlines()[:4] == [
        "train/kennel.toml, and in train/code: train.py",
        "hyperparameters: lr=0.01",
        "left out: seed: is required and has no default: give it",
        "metrics, guessed from what it prints: average-loss; look at them in train/kennel.toml",
    ]
    assert "missing: train/data/train, the folder of channel train; put it there, or give another" in said
    assert said.splitlines()[-1].startswith("next  cd train && ") and said.rstrip().endswith(" train")
    table = tomllib.loads((kennel.folder / "train" / "kennel.toml").read_text())["script"]
    assert table["script"] == "train.py" and table["source"] == "code" and table["hyperparameters"] == {"lr": 0.01}
    assert table["channels"] == {"train": "data/train"} and list(table["metrics"]) == ["average-loss"]
    assert "# A guess" in (kennel.folder / "train" / "kennel.toml").read_text()


def test_a_script_that_says_nothing_is_told_what_was_not_found(kennel: Kennel) -> None:
    (kennel.folder / "fit.py").write_text("print('done')\n")
    said = kennel.run("init", "--from", "fit.py").stdout
    for words in ("no argparse in it, so no hyperparameter", "no metric could be guessed", "no SM_CHANNEL_ variable in it"):
        assert words in said
    assert "missing" not in said


def test_commands_are_told(kennel: Kennel) -> None:
    script = 'p.add_subparsers().add_parser("fit").add_argument("--lr", default=1)\n'
    (kennel.folder / "fit.py").write_text(script)
    said = kennel.run("init", "--from", "fit.py").stdout
    assert "it has the commands fit, and SageMaker gives options only: have it run without a command, or write a script" in said
    assert "left out: fit --lr: is of a command, and SageMaker gives none" in said
    assert "[script.hyperparameters]\n# fit --lr: is of a command" in (kennel.folder / "fit" / "kennel.toml").read_text()


def test_any_name_and_text_comes_back_out_of_the_file() -> None:
    hyperparameters = {"a b": 'q"\\', "ü": "emoji 🐶", "k": 1e-05, "big": 1e22, "yes": True}
    found = TrainingScript(hyperparameters=hyperparameters, metrics={"loss": r"loss \(mean\): ([0-9]+)"}, channels=["train"])
    table = tomllib.loads(project("train.py", found))["script"]
    assert table["hyperparameters"] == hyperparameters and table["metrics"] == found.metrics


def test_a_dry_run_writes_nothing(kennel: Kennel) -> None:
    (kennel.folder / "train.py").write_text(SCRIPT)
    assert kennel.plan("init", "--from", "train.py") == [] and not (kennel.folder / "train").exists()


def test_the_next_commands_can_be_typed_in_the_project(kennel: Kennel) -> None:
    """The program of a checkout's .venv is found from there too."""
    (kennel.folder / ".venv" / "bin").mkdir(parents=True)
    (kennel.folder / ".venv" / "bin" / "kennel").touch()
    (kennel.folder / "train.py").write_text(SCRIPT)
    said = kennel.run("init", "--from", "train.py", "--to", "my project", PATH="/usr/bin:/bin").stdout
    program = f"{kennel.folder}/.venv/bin/kennel"
    assert said.splitlines()[-1] == f"next  cd 'my project' && {program} up && {program} train"
