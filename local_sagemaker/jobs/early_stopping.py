"""When a training job of a tuning job is not worth going on with: SageMaker's early stopping, and Hyperband's rungs.

Both know the objectives that jobs have printed, never the jobs or processes."""

from collections.abc import Sequence
from statistics import fmean, median

MEDIAN_TRIES = 4
"""Finished tries that the median rule needs before it stops anything."""
REDUCTION = 3
"""Hyperband keeps one of so many tries at each rung."""


def worse_than_median(current: Sequence[float], ended: Sequence[Sequence[float]], *, maximize: bool) -> bool:
    """SageMaker's early stopping rule, on the objective as it was printed, one number an epoch.

    `current` are the numbers of a running job, `ended` those of jobs that have ended. True when the newest number of the
    current job is worse than the median, over the ended jobs, of their running averages up to the same epoch.
    """
    epoch = len(current)
    averages = [fmean(history[:epoch]) for history in ended if len(history) >= epoch]
    if not epoch or len(averages) < MEDIAN_TRIES:
        return False
    middle = median(averages)
    return current[-1] < middle if maximize else current[-1] > middle


class Hyperband:
    """Hyperband's rungs, filled as numbers come in (asynchronous successive halving). A resource is one printed objective."""

    def __init__(self, least: int, most: int, *, maximize: bool) -> None:
        self._most = most
        self._maximize = maximize
        brackets = 1
        while least * REDUCTION**brackets <= most:
            brackets += 1
        self._brackets = [[least * REDUCTION**rung for rung in range(start, brackets)] for start in range(brackets)]
        self._seen: dict[tuple[int, int], dict[int, float]] = {}

    def should_stop(self, number: int, history: Sequence[float]) -> bool:
        """Whether try `number`, which printed `history` so far, has used its resource or lost its rung."""
        bracket = number % len(self._brackets)
        for rung in self._brackets[bracket]:
            if rung >= self._most or len(history) < rung:
                break
            best = (max if self._maximize else min)(history[:rung])
            seen = self._seen.setdefault((bracket, rung), {})
            seen[number] = best
            ranked = sorted(seen.values(), reverse=self._maximize)
            keep = ranked[max(1, len(ranked) // REDUCTION) - 1]
            if best < keep if self._maximize else best > keep:
                return True
        return len(history) > self._most
