"""What the text of a training script says of its hyperparameters, channels and metrics."""

import re
from typing import Any

import pytest

from scripts.files import training_script
from scripts.files.training_script import MOST_METRICS, TrainingScript, imported

OPTION = "import argparse, os\nRATE = 0.5\np = argparse.ArgumentParser()\np.add_argument({})\n"


def read(text: str) -> TrainingScript:
    return training_script.read(text.encode())


@pytest.mark.parametrize(
    ("option", "name", "value"),
    [
        ("'--epochs', type=int, default=5", "epochs", 5),
        ("'-b', '--batch-size', type=int, default=32", "batch-size", 32),
        ("'--lr', type=float, default=1e-3", "lr", 0.001),
        ("'--lr', type=float, default=-1", "lr", -1),
        ("'--lr', type=float, default=RATE", "lr", 0.5),
        ("'-k', default='a'", "k", "a"),
        ("'--name', default='it\\'s \"ü\"'", "name", 'it\'s "ü"'),
        ("'--flag', type=json.loads, default=True", "flag", True),
    ],
)
def test_an_option_with_a_plain_default_is_a_hyperparameter(option: str, name: str, value: Any) -> None:
    found = read(OPTION.format(option))
    assert found.hyperparameters == {name: value} and not found.left_out and found.has_options
    assert type(found.hyperparameters[name]) is type(value)


@pytest.mark.parametrize(
    ("option", "name", "why"),
    [
        ("'--seed', type=int", "seed", "has no default"),
        ("'--seed', default=None", "seed", "has no default"),
        ("'--seed', type=int, required=True", "seed", "is required and has no default: give it"),
        ("'--fast', action='store_true'", "fast", "takes no value"),
        ("'--flag', type=bool, default=False", "flag", "is true for any text"),
        ("'--flag', default=False", "flag", "is true for any text"),
        ("'--sizes', nargs='+', default=[1]", "sizes", "takes several values"),
        ("'--sizes', default=[1]", "sizes", "is no number and no text"),
        ("'--workers', default=os.cpu_count()", "workers", "its default is computed: os.cpu_count()"),
        ("'--most', default=1e999", "most", "is no finite number"),
        ("'--end', default='\\n'", "end", "cannot be printed"),
        ("'place'", "place", "has no -- before its name"),
    ],
)
def test_what_sagemaker_cannot_give_is_left_out_and_told(option: str, name: str, why: str) -> None:
    found = read(OPTION.format(option))
    assert not found.hyperparameters and list(found.left_out) == [name] and why in found.left_out[name]


def test_what_sagemaker_gives_by_itself_is_no_hyperparameter() -> None:
    text = OPTION.format("'--train', default=os.environ['SM_CHANNEL_TRAIN']")
    text += "p.add_argument('--model', default=os.environ.get('SM_MODEL_DIR', '.'))\nos.getenv('SM_CHANNEL_MY_TEST')\n"
    found = read(text + "os.environ['SM_CHANNEL_TRAIN']\n")
    assert not found.hyperparameters and not found.left_out and found.channels == ["train", "my_test"]


COMMANDS = """
def shared(q):
    q.add_argument("--both", default=1)

p = argparse.ArgumentParser()
commands = p.add_subparsers()
q = commands.add_parser("fit")
group = q.add_argument_group("more")
group.add_argument("--lr", default=0.1)
commands.add_parser("go").add_argument("-b", "--beam", default=2)
commands.add_parser(NAME)
q = p.add_argument_group("of all")
q.add_argument("--lr", default=0.2)
"""


def test_options_of_commands_are_left_out_and_the_commands_told() -> None:
    """`group` is a part of a subparser; `q` was one, and is another thing in the end."""
    found = read(COMMANDS)
    assert found.commands == ["fit", "go", "?"] and found.hyperparameters == {"both": 1, "lr": 0.2}
    assert found.left_out == dict.fromkeys(("fit --lr", "go --beam"), "is of a command, and SageMaker gives none")
    assert not read(OPTION.format("'--lr', default=1")).commands


@pytest.mark.parametrize("start", [b"# -*- coding: latin-1 -*-\n", b"#!/usr/bin/python\n# vim: set fileencoding=latin-1 :\n"])
def test_a_script_may_name_its_coding_as_python_has_it(start: bytes) -> None:
    option = OPTION.format("'--name', default='Zoë'").encode("latin-1")
    assert training_script.read(start + option).hyperparameters == {"name": "Zoë"}
    assert imported(start + "import zoë".encode("latin-1")) == {"zoë"}
    with pytest.raises(SyntaxError, match="utf-8"):
        training_script.read(option)
    assert training_script.read(b"\xef\xbb\xbf" + OPTION.format("'--lr', default=1").encode()).hyperparameters == {"lr": 1}


def test_a_script_without_options_says_so() -> None:
    found = read("print('hello')")
    assert not found.has_options and not found.channels and not found.metrics


@pytest.mark.parametrize(
    ("call", "printed", "values"),
    [
        (
            "print('Test set: Average loss: {:.4f}, Accuracy: {}/{} ({:.0f}%)\\n'.format(a, b, c, d))",
            "Test set: Average loss: 0.1234, Accuracy: 9/10 (90%)\n",
            {"set-average-loss": "0.1234"},
        ),
        (
            "print(f'Epoch {e}: train loss {a:.3f}, val acc: {b}')",
            "Epoch 3: train loss 0.500, val acc: 1e-05",
            {"train-loss": "0.500", "val-acc": "1e-05"},
        ),
        ("print('Final accuracy:', a)", "Final accuracy: 0.5.", {"final-accuracy": "0.5"}),
        ("logger.info('valid f1 = %.3f of %d', a, b)", "INFO:x:valid f1 = -0.250 of 3", {"valid-f1": "-0.250"}),
        ("print('loss (mean): %s' % a)", "loss (mean): 2", {"loss-mean": "2"}),
        ("print('the loss is fine')", "the loss is fine", {}),
        ("print('epoch', e)", "epoch 3", {}),
        ("print(a)", "0.5", {}),
        ("f.write('loss {}'.format(a))", "", {}),
    ],
)
def test_a_metric_is_guessed_from_what_is_printed(call: str, printed: str, values: dict[str, str]) -> None:
    found = read(call).metrics
    assert {name: re.search(regex, printed)[1] for name, regex in found.items()} == values
    assert all(re.compile(regex).groups == 1 for regex in found.values())


@pytest.mark.parametrize("count", [MOST_METRICS, MOST_METRICS + 1])
def test_no_more_metrics_are_guessed_than_a_person_would_look_at(count: int) -> None:
    found = read("\n".join(f"print('loss {chr(97 + number)}: ', x)" for number in range(count))).metrics
    assert len(found) == MOST_METRICS and next(iter(found)) == "loss-a"


def test_imports_are_told_by_their_first_name() -> None:
    assert imported(b"import a.b, c as d\nfrom e.f import g\nfrom . import h\ndef i():\n    import j\n") == {"a", "c", "e", "j"}
    assert imported(b"x = (") == set()
