"""Where a job's time went, of a job with many steps."""

import time

from rules.reading.timeline import TimedStep
from rules.report.time_breakdown import group_steps


def test_many_steps_with_many_outliers_take_seconds_at_most() -> None:
    many = [
        TimedStep(
            "algo-1", "TRAIN", number, float(number), 1.0 if number % 20 else 3.0, {"DataWait": 0.1 if number % 20 else 2.1}
        )
        for number in range(20_000)
    ]
    started = time.perf_counter()
    group = group_steps("algo-1", "TRAIN", many)
    seconds = time.perf_counter() - started
    print(f"{len(many):,} steps, {group['outlier_count']:,} outliers: {seconds:.2f} s")
    assert group["outlier_count"] == 1000 and group["causes"] == {"DataWait": 1000} and len(group["outliers"]) == 50
    assert seconds < 10, "every outlier's cause was looked for in all steps anew: 45 s"
