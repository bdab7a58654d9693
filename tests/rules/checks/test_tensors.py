"""The rules over any tensors: not finite, all zero, variance, unchanged, unlike another run."""

from pathlib import Path

import numpy as np
import pytest

from rules.checks.catalog import make
from rules.checks.evaluation import Evaluation
from rules.errors import ParameterError
from tests.rules.conftest import Evaluate, Trained
from tests.support.saved_tensors import end, write, write_collections, write_step


def test_a_rate_far_too_high_explodes(evaluate: Evaluate) -> None:
    result = evaluate("ExplodingTensor", "exploding")
    assert result.status == "IssuesFound" and "values are not finite" in result.evidence[0].message
    assert evaluate("ExplodingTensor", "healthy").status == "NoIssuesFound"


def test_infinite_is_not_nan(tmp_path: Path, evaluate: Evaluate) -> None:
    folder = write(tmp_path, {0: {"a": np.array([1.0, np.inf]), "n": np.array([1, 2])}, 1: {"b": np.array([np.nan])}})
    assert [one.step for one in evaluate("ExplodingTensor", folder).evidence] == [0, 1]
    assert [one.step for one in evaluate("ExplodingTensor", folder, only_nan=True).evidence] == [1]
    assert evaluate("ExplodingTensor", folder, tensor_regex="n").status == "Error", "whole numbers cannot explode"
    assert [one.subject for one in evaluate("ExplodingTensor", folder, tensor_regex="b").evidence] == ["b"]


def test_weights_of_zero_are_all_zero(evaluate: Evaluate) -> None:
    assert evaluate("AllZero", "constant", collection_names="weights").status == "IssuesFound"
    assert evaluate("AllZero", "healthy", collection_names="weights,gradients").status == "NoIssuesFound"


def test_a_share_of_zeros(tmp_path: Path, evaluate: Evaluate) -> None:
    folder = write(tmp_path, {0: {"a": np.array([0.0, 0, 0, 1])}})
    assert evaluate("AllZero", folder, tensor_regex="a", threshold=75).status == "IssuesFound"
    assert evaluate("AllZero", folder, tensor_regex="a", threshold=76).status == "NoIssuesFound"


def test_variance_has_two_bounds(evaluate: Evaluate) -> None:
    assert evaluate("TensorVariance", "exploding", collection_names="weights", max_threshold=100).status == "IssuesFound"
    low = evaluate("TensorVariance", "constant", collection_names="weights", min_threshold=1e-12)
    assert low.status == "IssuesFound" and "below" in low.evidence[0].message
    both = evaluate("TensorVariance", "healthy", tensor_regex="conv.*weight", min_threshold=1e-8, max_threshold=100)
    assert both.status == "NoIssuesFound"


@pytest.mark.parametrize(
    ("rule", "parameters", "needs"),
    [
        ("AllZero", {}, "collection_names or tensor_regex"),
        ("UnchangedTensor", {}, "collection_names or tensor_regex"),
        ("TensorVariance", {"tensor_regex": "a"}, "max_threshold or min_threshold"),
        ("SimilarAcrossRuns", {}, "other_trials"),
    ],
)
def test_what_a_rule_cannot_do_without_is_asked_for(rule: str, parameters: dict[str, str], needs: str) -> None:
    with pytest.raises(ParameterError, match=needs):
        make(rule, parameters)


def test_the_third_equal_value_is_unchanged(tmp_path: Path, evaluate: Evaluate) -> None:
    """AWS's own vector: equal at steps 0, 1 and 2; silent at 0 and 1, fires at 2."""
    folder = write(tmp_path, {step: {"a": np.ones((3, 3))} for step in range(3)})
    result = evaluate("UnchangedTensor", folder, tensor_regex="a")
    assert [one.step for one in result.evidence] == [2]
    assert evaluate("UnchangedTensor", folder, tensor_regex="a", num_steps=4).status == "Error"


def test_weights_that_do_not_learn_are_unchanged(evaluate: Evaluate) -> None:
    assert evaluate("UnchangedTensor", "frozen", collection_names="weights").status == "IssuesFound"
    assert evaluate("UnchangedTensor", "healthy", collection_names="weights").status == "NoIssuesFound"


def test_tolerances_say_what_unchanged_means(tmp_path: Path, evaluate: Evaluate) -> None:
    folder = write(tmp_path, {step: {"a": np.array([1.0 + step / 1000, np.nan])} for step in range(3)})
    assert evaluate("UnchangedTensor", folder, tensor_regex="a", rtol=0.1, equal_nan=True).status == "IssuesFound"
    assert evaluate("UnchangedTensor", folder, tensor_regex="a", rtol=0.1).status == "NoIssuesFound"
    assert evaluate("UnchangedTensor", folder, tensor_regex="a", equal_nan=True).status == "NoIssuesFound"


def test_a_run_is_like_itself_and_unlike_another(evaluate: Evaluate, trained: Trained) -> None:
    same = evaluate("SimilarAcrossRuns", "healthy", other_trials=trained("healthy"), collection_names="weights")
    assert same.status == "NoIssuesFound"
    other = evaluate("SimilarAcrossRuns", "healthy", other_trials=trained("again"), collection_names="weights")
    assert other.status == "IssuesFound" and other.evidence[0].step == 0
    assert "Convolutions_head.weight" in {one.subject for one in other.evidence}


def test_a_step_is_compared_when_the_other_run_has_it(tmp_path: Path) -> None:
    mine, theirs = tmp_path / "mine", tmp_path / "theirs"
    write(mine, {0: {"a": np.ones(2)}, 1: {"a": np.ones(2)}})
    write_collections(theirs)
    write_step(theirs, 0, {"a": np.ones(2)})
    rule = make("SimilarAcrossRuns", {"other_trials": str(theirs)})
    assert Evaluation(rule=rule, place=str(mine)).run().status == "NoIssuesFound" and rule.tested == 1
    write_step(theirs, 1, {"a": np.zeros(2)})
    end(theirs)
    assert [one.step for one in rule.waiting(0.0)] == [1]


def test_two_runs_with_nothing_in_common(tmp_path: Path, evaluate: Evaluate) -> None:
    mine = write(tmp_path / "mine", {0: {"a": np.ones(2)}})
    theirs = write(tmp_path / "theirs", {0: {"b": np.ones(2)}})
    result = evaluate("SimilarAcrossRuns", mine, other_trials=theirs)
    assert result.status == "Error" and "no tensor of one name at one step" in result.details
