"""Row 8: every wrong hyperparameter in one short message, in under 2 s, before torch is imported."""

from pathlib import Path

import pytest

from contract.layout import FAILURE_LIMIT
from tests.support.train_jobs import Container
from train.config import names, parse
from train.errors import ConfigError

BUDGET = 2.0
WRONG: list[tuple[str, object, str]] = [
    ("learning-rate", "0.1", "'learning-rate': unknown"),
    ("lr", "abc", "lr: 'abc' is not a number above 0"),
    ("lr", '"abc"', "is not a number above 0"),
    ("lr", "0", "is not a number above 0"),
    ("lr", "-1", "is not a number above 0"),
    ("lr", "NaN", "is not a number above 0"),
    ("lr", "Infinity", "is not a number above 0"),
    ("lr", "1e999", "is not a number above 0"),
    ("lr", "1e10", "at most 1e+09"),
    ("lr", "true", "is not a number"),
    ("lr", "null", "is not a number"),
    ("lr", "", "is not a number"),
    ("lr", "[0.1]", "is not a number"),
    ("lr", '{"a": 1}', "is not a number"),
    ("lr", "0,1", "is not a number"),
    ("lr", "1_0", "is not a number"),
    ("lr", "9" * 2500, "is not a number"),
    ("lr", "[" * 2500, "is not a number"),
    ("weight-decay", "-0.1", "is not a number from 0 to 1000"),
    ("eps", "2", "is not a number above 0 and at most 1"),
    ("epochs", "0", "is not a whole number from 1 to 10000"),
    ("epochs", "2.5", "is not a whole number"),
    ("epochs", "five", "is not a whole number"),
    ("epochs", "true", "is not a whole number"),
    ("epochs", "99999999", "is not a whole number from 1 to 10000"),
    ("batch-size", "0", "is not a whole number from 1"),
    ("batch-size", "-64", "is not a whole number from 1"),
    ("batch_size", "x", "batch-size: 'x' is not a whole number"),
    ("seed", "-1", "is not a whole number from 0 to 4294967295"),
    ("picture-size", "7", "is not a whole number from 8 to 2048"),
    ("picture-size", "224x224", "is not a whole number"),
    ("lr-schedule", "linear", "is not one of constant, cosine"),
    ("augment", "strong", "is not one of none, standard"),
    ("train-layers", "fc", "is not one of head, last, all"),
    ("train-layers", ["head"], "is not one of head, last, all"),
    ("arch", "resnet19", "is not one of torchvision's 80 classifiers, such as resnet18"),
    ("arch", "../../etc/passwd", "is not one of torchvision's"),
    ("arch", {"a": 1}, "is not one of torchvision's"),
    ("max-bad-images", "-1", "is not a whole number from 0"),
    ("checkpoint-interval", "often", "is not a whole number from 0"),
    ("loader-workers", "many", "is not 'auto' or a whole number from 0 to 256"),
    ("processes", "0", "is not 'auto' or a whole number from 1 to 64"),
    ("epóchs", "1", "unknown (did you mean epochs?)"),
    ("x" * 256, "1", "unknown"),
]


@pytest.mark.parametrize(("name", "value", "told"), WRONG, ids=range(len(WRONG)))
def test_each_is_named_with_what_is_allowed(name: str, value: object, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse({name: value})
    assert told in str(caught.value)
    assert len(f"ConfigError: {caught.value}") <= FAILURE_LIMIT


def test_a_hundred_unknown_keys_do_not_hide_a_wrong_value() -> None:
    with pytest.raises(ConfigError) as caught:
        parse({f"key-{number:03d}": "1" for number in range(99)} | {"lr": "abc"})
    message = str(caught.value)
    assert message.startswith("100 wrong hyperparameters: lr: 'abc' is not a number")
    assert "more. Known: " in message and all(name in message for name in names())


def test_the_program_refuses_them_all_at_once_and_quickly(tmp_path: Path) -> None:
    container = Container(tmp_path / "ml", lr="abc", epochs="0", arch="resnet19", learning_rate="1")
    fastest = min((container.run(PYTHONPROFILEIMPORTTIME="1") for _ in range(2)), key=lambda run: run.seconds)
    print(f"exit {fastest.code} after {fastest.seconds:.2f} s: {container.failure}")
    assert fastest.code == 1
    assert all(f"{name}: " in container.failure for name in ("lr", "epochs", "arch", "'learning-rate'"))
    assert len(container.failure.encode()) <= 1024
    assert fastest.seconds < BUDGET
    imported = {line.rpartition("|")[2].strip() for line in fastest.err.splitlines() if line.startswith("import time:")}
    assert "train.config" in imported and not imported & {"torch", "torchvision", "smdebug", "openvino"}
    (container.layout.hyperparameters).write_text("{not json")
    assert container.run().code == 1
    assert "input/config cannot be read" in container.failure
    (container.layout.hyperparameters).write_text('{"lr": "%s"}' % ("[" * 2500))
    assert container.run().code == 1
    assert container.failure.startswith("ConfigError: ")
