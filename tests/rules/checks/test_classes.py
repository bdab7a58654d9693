"""Rare classes and classes that are taken for one another."""

from pathlib import Path

import numpy as np
import pytest

from tests.rules.conftest import Evaluate
from tests.support.saved_tensors import write


def test_a_rare_class_is_found_in_what_the_loss_is_given(evaluate: Evaluate) -> None:
    result = evaluate("ClassImbalance", "imbalanced")
    assert result.status == "IssuesFound" and "of class 3" in result.evidence[0].message
    assert evaluate("ClassImbalance", "healthy").status == "NoIssuesFound"


def test_the_known_vector_of_imbalance(tmp_path: Path, evaluate: Evaluate) -> None:
    """AWS's own: 990 zeros and 10 ones, as labels and as predictions, at step 3."""
    values = np.array([0] * 990 + [1] * 10)
    result = evaluate("ClassImbalance", write(tmp_path, {3: {"labels": values, "predictions": values}}))
    assert result.evidence[0].step == 3 and result.evidence[0].value > 10


def test_few_labels_of_many_classes_are_no_imbalance(tmp_path: Path, evaluate: Evaluate) -> None:
    labels = np.random.default_rng(1).integers(0, 133, 520)
    counts = np.bincount(labels)
    assert counts.max() > 10 * max(1, counts.min()) or counts.min() == 0, "the plain ratio would fire"
    folder = write(tmp_path, {0: {"labels": labels, "predictions": labels}})
    assert evaluate("ClassImbalance", folder).status == "NoIssuesFound"


def test_only_a_rare_class_can_be_mispredicted_for_its_rarity(tmp_path: Path, evaluate: Evaluate) -> None:
    labels = np.array([0] * 450 + [1] * 450 + [2] * 100)
    never = np.where(labels == 2, 0, labels)
    folder = write(tmp_path / "rare", {0: {"labels": labels, "predictions": never}})
    result = evaluate("ClassImbalance", folder)
    assert [(one.subject, one.value) for one in result.evidence] == [("class 2", 1.0)]
    untrained = write(tmp_path / "untrained", {0: {"labels": labels, "predictions": (labels + 1) % 3}})
    assert evaluate("ClassImbalance", untrained).status == "NoIssuesFound", "every class is mispredicted: it has learned nothing"
    assert evaluate("ClassImbalance", folder, samples=2000).status == "Error"


def test_scores_and_one_hot_predictions(tmp_path: Path, evaluate: Evaluate) -> None:
    labels = np.array([0, 1, 2] * 4)
    folder = write(tmp_path, {0: {"labels": labels, "predictions": np.eye(3)[labels]}})
    assert evaluate("Confusion", folder).status == "NoIssuesFound"


def test_classes_that_look_alike_are_confused(evaluate: Evaluate) -> None:
    result = evaluate("Confusion", "confused")
    assert result.status == "IssuesFound"
    assert any(one.subject in ("class 3 as 2", "class 2 as 3") and one.value > 0.1 for one in result.evidence)
    assert evaluate("Confusion", "healthy").status == "NoIssuesFound"


TEN = np.arange(10)
WRONG = np.where(TEN == 4, 7, TEN)


@pytest.mark.parametrize(
    ("predictions", "parameters", "fires"),
    [
        (TEN, {}, False),
        (WRONG, {}, True),
        (WRONG, {"min_diag": 0, "max_off_diag": 0.01}, True),
        (WRONG, {"min_diag": 0, "max_off_diag": 1}, False),
    ],
)
def test_the_known_vectors_of_confusion(
    tmp_path: Path, evaluate: Evaluate, predictions: np.ndarray, parameters: dict[str, float], fires: bool
) -> None:
    """AWS's own: labels 0 to 9; the same as predictions; with class 4 taken for 7."""
    result = evaluate("Confusion", write(tmp_path, {0: {"labels": TEN, "predictions": predictions}}), **parameters)
    assert (result.status == "IssuesFound") is fires
    if fires:
        assert {one.subject for one in result.evidence} <= {"class 4", "class 4 as 7"}


def test_an_evaluation_is_one_matrix_and_training_is_not_judged(tmp_path: Path, evaluate: Evaluate) -> None:
    halves = {0: {"labels": TEN, "predictions": WRONG}, 1: {"labels": TEN, "predictions": TEN}}
    result = evaluate("Confusion", write(tmp_path / "eval", halves, "EVAL"), min_diag=0.5, max_off_diag=0.5)
    assert result.status == "NoIssuesFound" and result.series["class 4"] == [(1, 0.5)]
    result = evaluate("Confusion", write(tmp_path / "train", halves, "TRAIN"))
    assert result.status == "Error" and "mode EVAL" in result.details


def test_category_no_widens_the_matrix(tmp_path: Path, evaluate: Evaluate) -> None:
    folder = write(tmp_path, {0: {"labels": TEN, "predictions": TEN}})
    assert evaluate("Confusion", folder, category_no=133).status == "NoIssuesFound"
