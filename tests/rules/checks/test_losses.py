"""Losses that do not fall, overfitting, training past the best, a training that stands still."""

import os
from pathlib import Path

import pytest

from rules.checks.catalog import make
from rules.checks.evaluation_losses import EvaluationLoss, EvaluationLosses
from rules.reading.saved_tensors import SavedStep
from tests.rules.conftest import Evaluate
from tests.support.saved_tensors import write, write_collections, write_step


def test_a_loss_falls_in_a_healthy_training_alone(evaluate: Evaluate) -> None:
    assert evaluate("LossNotDecreasing", "healthy").status == "NoIssuesFound"
    result = evaluate("LossNotDecreasing", "frozen")
    assert result.status == "IssuesFound" and "did not fall" in result.evidence[0].message
    rising = evaluate("LossNotDecreasing", "exploding")
    assert "rose" in rising.evidence[0].message


def test_the_known_vector(tmp_path: Path, evaluate: Evaluate) -> None:
    """AWS's own: saved every 4 steps, num_steps 10; fires at 12 and not at 16."""
    folder = write(tmp_path, {4 * index: {"loss": loss} for index, loss in enumerate([0.3, 0.33, 0.31, 0.30, 0.28])})
    assert [one.step for one in evaluate("LossNotDecreasing", folder, num_steps=10).evidence] == [12]


def test_one_lucky_batch_is_no_rising_loss(tmp_path: Path, evaluate: Evaluate) -> None:
    losses = [1 - step / 100 - (0.5 if step == 8 else 0) for step in range(40)]
    folder = write(tmp_path, {step: {"loss": loss} for step, loss in enumerate(losses)}, "TRAIN")
    assert evaluate("LossNotDecreasing", folder).status == "NoIssuesFound", "0.42 at step 8, 0.82 at step 18"


def test_how_much_a_loss_has_to_fall(tmp_path: Path, evaluate: Evaluate) -> None:
    folder = write(tmp_path, {0: {"loss": 1.0}, 500: {"loss": 0.9}}, "TRAIN")
    assert evaluate("LossNotDecreasing", folder, diff_percent=9).status == "NoIssuesFound"
    assert evaluate("LossNotDecreasing", folder, diff_percent=11).status == "IssuesFound"


def test_evaluations_are_compared_as_wholes(tmp_path: Path, evaluate: Evaluate) -> None:
    write_collections(tmp_path)
    losses = [("EVAL", 3.0), ("EVAL", 1.0), ("TRAIN", 9.0), ("EVAL", 1.0), ("EVAL", 2.0)]
    for step, (mode, loss) in enumerate(losses):
        write_step(tmp_path, step, {"loss": loss}, mode, sum(one == mode for one, _ in losses[:step]))
    assert evaluate("LossNotDecreasing", tmp_path, mode="EVAL").status == "NoIssuesFound", "2.0, then 1.5"
    assert evaluate("LossNotDecreasing", tmp_path, mode="EVAL", diff_percent=30).status == "IssuesFound"


def test_what_is_learned_by_heart_is_overfit(evaluate: Evaluate) -> None:
    result = evaluate("Overfit", "overfit")
    assert result.status == "IssuesFound" and result.evidence[-1].value > 10 and "in evaluation" in result.evidence[0].message
    assert evaluate("Overfit", "healthy").status == "NoIssuesFound"


def test_patience_and_start_of_overfit(evaluate: Evaluate) -> None:
    first, later = evaluate("Overfit", "overfit"), evaluate("Overfit", "overfit", patience=3)
    assert later.found == first.found - 2
    assert evaluate("Overfit", "overfit", start_step=100_000).status == "Error"


def test_training_past_the_best(evaluate: Evaluate) -> None:
    result = evaluate("Overtraining", "overfit")
    assert result.status == "IssuesFound" and "no evaluation better than" in result.evidence[0].message
    assert evaluate("Overtraining", "healthy").status == "NoIssuesFound"
    assert evaluate("Overtraining", "overfit", patience_validation=100, patience_train=100).status == "NoIssuesFound"


def test_patience_of_training_counts_with_the_evaluations(tmp_path: Path, evaluate: Evaluate) -> None:
    """Neither gets better from the third evaluation on; alone, six are too few for patience_validation's ten."""
    write_collections(tmp_path)
    for turn in range(9):
        loss = max(1.0, 3.0 - turn)
        write_step(tmp_path, 2 * turn, {"loss": loss}, "TRAIN", turn)
        write_step(tmp_path, 2 * turn + 1, {"loss": loss}, "EVAL", turn)
    result = evaluate("Overtraining", tmp_path)
    assert [one.step for one in result.evidence] == [2 * turn + 1 for turn in (7, 8)]
    assert evaluate("Overtraining", tmp_path, patience_train=7).status == "NoIssuesFound"


@pytest.mark.parametrize("rule", ["Overfit", "Overtraining"])
@pytest.mark.parametrize(("mode", "why"), [("GLOBAL", "the script sets no mode"), ("TRAIN", "no loss of mode EVAL was saved")])
def test_a_training_without_evaluations_is_no_error(tmp_path: Path, evaluate: Evaluate, rule: str, mode: str, why: str) -> None:
    result = evaluate(rule, write(tmp_path, {step: {"loss": 1.0} for step in range(20)}, mode))
    told = f"{rule} had nothing to evaluate: {why}, so no validation loss can be compared. "
    assert result.status == "NoIssuesFound" and result.details.startswith(told)
    assert "all hook.set_mode(modes.TRAIN) before each training and hook.set_mode(modes.EVAL)" in result.details
    assert ("save_interval" in result.details) == (mode == "TRAIN"), "a script without modes has them saved at each step"


@pytest.mark.parametrize("rule", ["Overfit", "Overtraining"])
@pytest.mark.parametrize(("tensor", "mode"), [("loss", "EVAL"), ("other", "TRAIN")])
def test_losses_that_were_not_saved_are_an_error(tmp_path: Path, evaluate: Evaluate, rule: str, tensor: str, mode: str) -> None:
    result = evaluate(rule, write(tmp_path, {step: {tensor: 1.0} for step in range(20)}, mode))
    assert result.status == "Error" and "compares losses of mode TRAIN with losses of mode EVAL and saw too few" in result.details


@pytest.mark.parametrize("interval", [1, 2, None])
@pytest.mark.parametrize(("last", "judged"), [(10, True), (9, False)])
def test_losses_that_cannot_be_compared_are_told_with_a_remedy_where_there_is_one(
    tmp_path: Path, evaluate: Evaluate, interval: int | None, last: int, judged: bool
) -> None:
    """In between are evaluations, where the script sets no mode: they are no steps of training, and have no saved losses."""
    folder = write(tmp_path, {step: {"loss": 9.0 - step} for step in (0, 1, last)}, interval=interval)
    result = evaluate("LossNotDecreasing", folder)
    if judged:
        assert (result.status, result.details) == ("NoIssuesFound", "")
    elif interval == 1:
        told = "LossNotDecreasing had nothing to evaluate: it compares losses 10 steps apart, and the job had 10 steps."
        assert (result.status, result.details) == ("NoIssuesFound", told)
    else:
        assert result.status == "NoIssuesFound" and "10 steps apart, and no two were saved. Save them: add " in result.details


def test_one_evaluation_is_not_compared(tmp_path: Path, evaluate: Evaluate) -> None:
    result = evaluate("LossNotDecreasing", write(tmp_path, {0: {"loss": 1.0}, 1: {"loss": 1.0}}, "EVAL"), mode="EVAL")
    assert result.status == "Error" and "compares one evaluation with the next and saw only one" in result.details


def test_losses_are_gathered_by_evaluation() -> None:
    evaluations, found = EvaluationLosses(), []
    for number, (mode, mode_step, loss) in enumerate(
        [("TRAIN", 0, 4.0), ("TRAIN", 1, 2.0), ("EVAL", 0, 1.0), ("EVAL", 1, 2.0), ("TRAIN", 2, 1.0), ("EVAL", 2, 5.0)]
    ):
        found.append(evaluations.add(SavedStep(number, mode, mode_step, 0.0), loss))
    assert found == [None] * 4 + [EvaluationLoss(3, 3.0, 1.5), None] and evaluations.close() == EvaluationLoss(5, 1.0, 5.0)
    assert evaluations.close() is None


def test_an_evaluation_ends_where_steps_of_training_were_not_saved() -> None:
    evaluations = EvaluationLosses()
    assert evaluations.add(SavedStep(10, "EVAL", 0, 0.0), 1.0) is None
    assert evaluations.add(SavedStep(11, "EVAL", 1, 0.0), 3.0) is None
    assert evaluations.add(SavedStep(22, "EVAL", 2, 0.0), 5.0) == EvaluationLoss(11, None, 2.0), (
        "ten steps of training lie between"
    )


def test_a_gap_between_files_is_a_stall(tmp_path: Path, evaluate: Evaluate) -> None:
    folder = write(tmp_path, {step: {"loss": 1.0} for step in range(3)})
    assert evaluate("StalledTrainingRule", folder, threshold=60).status == "NoIssuesFound"
    newest = sorted((folder / "index").rglob("*.json"))[-1]
    os.utime(newest, (newest.stat().st_mtime + 100,) * 2)
    result = evaluate("StalledTrainingRule", folder, threshold=60)
    assert result.status == "IssuesFound" and result.evidence[0].step == 2


def test_waiting_too_long_is_a_stall() -> None:
    rule = make("StalledTrainingRule", {"threshold": "60"})
    assert list(rule.waiting(59.0)) == [] and [one.value for one in rule.waiting(61.0)] == [61.0]
