"""Steps that take far longer than the others, and jobs that take long to begin."""

from pathlib import Path

import numpy as np
import pytest

from rules.checks.steps import causes, outliers
from rules.reading.system_metrics import CPU
from rules.reading.timeline import TimedStep
from tests.rules.conftest import Evaluate
from tests.support.saved_profile import HOST, START, events, sample, steps


def jitter(count: int, median: float = 0.019) -> np.ndarray:
    return median * np.exp(np.random.default_rng(0).normal(0, 0.05, count))


def test_outliers_cannot_hide_one_another(tmp_path: Path, evaluate: Evaluate) -> None:
    """From a public report of AWS's: 186 steps, a median of 19 ms, ten of 2.6 to 3.2 s that it let pass (and one of 9 s)."""
    seconds = jitter(186)
    seconds[5:171:15][:10], seconds[180] = np.linspace(2.6, 3.2, 10), 9.0
    assert (seconds > seconds.mean() + 3 * seconds.std()).sum() < 10, "by mean and deviation they hide"
    result = evaluate("StepOutlier", events(tmp_path, steps(seconds)))
    assert result.status == "IssuesFound" and result.evidence[0].value == 11
    assert result.numbers[f"{HOST} TRAIN"]["median"] == pytest.approx(0.019, rel=0.05)


def test_even_steps_have_no_outliers(tmp_path: Path, evaluate: Evaluate) -> None:
    assert evaluate("StepOutlier", events(tmp_path, steps(jitter(400)))).status == "NoIssuesFound"


def test_nearly_equal_steps_have_none_either() -> None:
    seconds = np.full(200, 0.1) + np.where(np.arange(200) % 5 == 0, 1e-4, 0)
    assert not outliers(seconds, 3)[0].any(), "the deviation is zero: a thousandth more is nothing to act on"


def test_the_cause_is_the_part_that_grew(tmp_path: Path, evaluate: Evaluate) -> None:
    seconds, waits = np.full(120, 0.1), np.full(120, 0.01)
    seconds[10:34:2], waits[10:34:2] = 1.0, 0.9
    result = evaluate("StepOutlier", events(tmp_path, steps(seconds, DataWait=waits, Forward=[0.05] * 120)))
    assert "most of them for DataWait" in result.evidence[0].message
    assert result.numbers[f"{HOST} TRAIN"]["outliers"][0] == [10, pytest.approx(1.0, abs=1e-3), "DataWait"]


def test_steps_of_two_processes_with_one_number_have_each_its_cause() -> None:
    usual = [TimedStep(HOST, "TRAIN", 1, 0.0, 1.0, {"DataWait": 0.5, "Copy": 0.5})] * 3
    waits, copies = (
        TimedStep(HOST, "TRAIN", 7, 0.0, 9.0, {name: 8.5, other: 0.5})
        for name, other in (("DataWait", "Copy"), ("Copy", "DataWait"))
    )
    assert causes([waits, copies], [*usual, waits, copies]) == ["DataWait", "Copy"]


def test_modes_are_kept_apart(tmp_path: Path, evaluate: Evaluate) -> None:
    train, evaluation = steps(jitter(120, 0.5)), steps(jitter(120, 0.05), "EVAL")
    later = [(phase, start + 1000, seconds, step) for phase, start, seconds, step in evaluation]
    folder = events(tmp_path, train + later)
    result = evaluate("StepOutlier", folder)
    assert result.status == "NoIssuesFound" and set(result.numbers) >= {f"{HOST} TRAIN", f"{HOST} EVAL"}
    assert f"{HOST} TRAIN" not in evaluate("StepOutlier", folder, mode="EVAL").numbers


def test_few_steps_are_not_judged(tmp_path: Path, evaluate: Evaluate) -> None:
    result = evaluate("StepOutlier", events(tmp_path, steps(jitter(50))))
    assert result.status == "NoIssuesFound" and "needs more than 100 steps of a mode and saw 50" in result.details


def test_how_long_until_the_first_step(tmp_path: Path, evaluate: Evaluate) -> None:
    sample(tmp_path, {CPU: {"cpu0": [1.0] * 4}}, start=START - 30 * 60)
    events(tmp_path, steps([0.1]))
    result = evaluate("MaxInitializationTime", tmp_path)
    assert result.status == "IssuesFound" and result.evidence[0].value == pytest.approx(30, abs=0.01)
    assert evaluate("MaxInitializationTime", tmp_path, threshold=31).status == "NoIssuesFound"


def test_a_program_that_initialises_on_and_on(tmp_path: Path, evaluate: Evaluate) -> None:
    sample(tmp_path, {CPU: {"cpu0": [1.0] * 4}})
    events(tmp_path, [("DataLoaderWorker", 25 * 60.0, 1.0, 0)])
    assert "no step yet" in evaluate("MaxInitializationTime", tmp_path).evidence[0].message


@pytest.mark.parametrize("rule", ["MaxInitializationTime", "StepOutlier"])
def test_a_job_without_step_events_is_not_blamed(tmp_path: Path, evaluate: Evaluate, rule: str) -> None:
    """An hour and no step events: every PyTorch 2 job without framework profiling."""
    result = evaluate(rule, sample(tmp_path, {CPU: {"cpu0": [1.0] * 7200}}))
    assert result.status == "Error" and "the job wrote no step events" in result.details
