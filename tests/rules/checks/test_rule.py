"""What every rule does the same: it keeps what it tested, and tells a configuration that would help."""

import json
from pathlib import Path

import pytest

from rules.checks.catalog import DEBUGGER, make
from rules.checks.rule import TensorRule, collection
from rules.reading.saved_tensors import SavedTensors
from rules.reading.source import Folder
from tests.support.saved_tensors import write

CHOSEN = {
    "AllZero": {"collection_names": "weights"},
    "UnchangedTensor": {"tensor_regex": "relu"},
    "TensorVariance": {"tensor_regex": "relu", "max_threshold": "1"},
    "SimilarAcrossRuns": {"other_trials": "nowhere"},
}


def test_a_collection_configuration_is_as_the_api_takes_it() -> None:
    text = collection("relu_output", ".*relu.*_output", interval="10")
    assert json.loads(text) == {
        "CollectionName": "relu_output",
        "CollectionParameters": {"include_regex": ".*relu.*_output", "save_interval": "10"},
    }


@pytest.mark.parametrize("rule", [rule.__name__ for rule in DEBUGGER])
def test_each_rule_says_what_to_save(rule: str) -> None:
    """Before anything was seen, that is all it can say; and a person can copy it."""
    made = make(rule, CHOSEN.get(rule, {}))
    assert isinstance(made, TensorRule)
    told = made.missing_input()
    assert told.startswith(f"{rule} could not be evaluated: ") and "\n" not in told
    assert '{"CollectionName": "' in told and made.tested == 0


def test_what_was_tested_is_kept_for_the_plot(tmp_path: Path) -> None:
    folder = write(tmp_path, {step: {"gradient/a.weight": float(step)} for step in range(3)}, gradients="gradient")
    saved, rule = SavedTensors(Folder(folder)), make("VanishingGradient", {})
    found = [one for step in saved.poll() for one in rule.at_step(saved, step)]
    assert rule.series == {"gradient/a.weight": [(0, 0.0), (1, 1.0), (2, 2.0)]}
    assert [(one.step, one.value, one.threshold) for one in found] == [(0, 0.0, 1e-7)] and rule.missing_input() is None
