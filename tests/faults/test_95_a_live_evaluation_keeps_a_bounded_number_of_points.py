"""Row 95. A rule follows a job for a very long time: what it keeps of the values that it has seen is bounded, no peak is lost."""

import tracemalloc
from pathlib import Path

import pytest

from rules.checks.catalog import make
from rules.checks.evaluation import Evaluation, Status
from rules.checks.evaluation_losses import EvaluationLosses
from rules.checks.rule import MOST_POINTS
from rules.reading.saved_tensors import SavedStep
from tests.support.saved_tensors import end, write_collections, write_step

STEPS = 1300


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("TensorVariance", {"collection_names": "losses", "max_threshold": "1e9"}),
        ("ExplodingTensor", {}),
        ("LossNotDecreasing", {"num_steps": "2", "diff_percent": "0"}),
    ],
)
def test_an_evaluation_of_many_steps_keeps_some_points(tmp_path: Path, name: str, parameters: dict[str, str]) -> None:
    write_collections(tmp_path)
    for step in range(STEPS):
        write_step(tmp_path, step, {"loss": [900.0 / (step + 1), 0.0]})
    end(tmp_path)
    rule = make(name, parameters)
    result = Evaluation(rule=rule, place=str(tmp_path)).run()
    points = rule.series["loss"]
    print(f"{name}: {rule.tested:,} values were tested, {len(points):,} points are kept")
    assert result.status is Status.NO_ISSUES and rule.tested > STEPS - 10
    assert len(points) <= MOST_POINTS < rule.tested
    assert [at for at, _ in points] == sorted(at for at, _ in points) and points[-1][0] == STEPS - 1


def test_points_are_kept_up_to_the_limit_and_one_more_leaves_some_out() -> None:
    rule = make("ExplodingTensor", {})

    def see(count: int) -> None:
        for at in range(rule.tested, count):
            list(rule.test("a", at, 1e9 if at == 500 else float(at % 7), False, 0, ""))

    see(MOST_POINTS)
    assert rule.series["a"] == [(at, 1e9 if at == 500 else float(at % 7)) for at in range(MOST_POINTS)]
    see(MOST_POINTS + 1)
    assert len(rule.series["a"]) <= MOST_POINTS // 2
    see(20 * MOST_POINTS)
    assert (500, 1e9) in rule.series["a"] and len(rule.series["a"]) <= MOST_POINTS


def test_memory_does_not_grow_with_the_run() -> None:
    rule, losses = make("ExplodingTensor", {}), EvaluationLosses()
    seen: list[int] = []
    tracemalloc.start()
    for at in range(120_001):
        list(rule.test("a", at, float(at), False, 0, ""))
        losses.add(SavedStep(at, "TRAIN", at, 0.0), float(at))
        if at in (20_000, 120_000):
            seen.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    print(f"{seen[0] / 1024:.0f} KiB after 20,000 steps, {seen[1] / 1024:.0f} KiB after 120,000")
    assert seen[1] < seen[0] + (100 << 10)
    losses.add(SavedStep(120_001, "EVAL", 0, 0.0), 3.0)
    point = losses.close()
    assert point is not None and point.train == 60_000.0 and point.evaluation == 3.0
