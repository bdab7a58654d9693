"""The rules of hyperparameters' values; what each hyperparameter takes is in test_config.py."""

import pytest

from train import hyperparameter_types


def test_a_rule_takes_what_sagemaker_sends_or_says_what_it_needs() -> None:
    assert hyperparameter_types.whole(1, 9)("7") == hyperparameter_types.whole(1, 9)('"7"') == 7
    assert hyperparameter_types.auto(0, 4)("auto") is None and hyperparameter_types.auto(0, 4)("2") == 2
    assert hyperparameter_types.choice("a", "b")('"b"') == "b"
    for rule, given, words in (
        (hyperparameter_types.whole(1, 9), "true", "a whole number from 1 to 9"),
        (hyperparameter_types.number(0, 1, above=True), "0", "a number above 0 and at most 1"),
        (hyperparameter_types.auto(0, 4), "5", "'auto' or a whole number from 0 to 4"),
        (hyperparameter_types.choice("a", "b"), "c", "one of a, b"),
        (hyperparameter_types.architecture, "resnet19", "such as resnet18"),
    ):
        with pytest.raises(ValueError, match=words):
            rule(given)
