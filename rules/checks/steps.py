"""These rules look at the duration of steps: how long until the first, and which take far longer than the others."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rules.checks.parameters import number, text
from rules.checks.profiler_rule import TIMELINE, ProfilerRule
from rules.checks.rule import Evidence
from rules.reading.profile import Profile
from rules.reading.timeline import TimedStep

FEWEST = 100
"""Steps of one mode that a node must have had, as AWS has it."""
LONGER = 1.5
"""An outlier takes at least so many times the median: three deviations of nearly equal steps are nothing to act on."""
SIGMA = 1.4826
"""From a median absolute deviation to the standard deviation of a normal distribution."""


def outliers(seconds: NDArray[np.float64], deviations: float) -> tuple[NDArray[np.bool_], float]:
    """Which of the durations are outliers, and the limit. Median and MAD: outliers cannot hide themselves."""
    median = float(np.median(seconds))
    spread = SIGMA * float(np.median(np.abs(seconds - median)))
    limit = max(median + deviations * spread, LONGER * median)
    return seconds > limit, limit


@dataclass(kw_only=True)
class MaxInitializationTime(ProfilerRule):
    """More than `threshold` minutes from the job's first sample to its first step.

    A job without any step events says nothing of its initialisation; AWS's rule fires on each that is longer than `threshold`.
    """

    advice = "Look at the download of the data (FastFile mode), and at what the program does before its first step."
    threshold: float = number(20.0, over=0)
    _silent: bool = field(init=False, repr=False, default=False)

    def look(self, profile: Profile) -> Iterator[Evidence]:
        began, first = profile.system.started, profile.timeline.first_step()
        self.datapoints = len(profile.timeline.events)
        self._silent = began is None or not self.datapoints
        if began is None or not self.datapoints:
            return
        until = first
        if until is None:
            until = max(event.start + event.seconds for event in profile.timeline.events)
        minutes = (until - began) / 60
        if first is not None or minutes > self.threshold:
            message = f"{minutes:.3g} minutes {'to the first step' if first else 'and no step yet'}"
            yield from self.judge("training", minutes, minutes > self.threshold, self.threshold, message)

    def missing_input(self) -> str | None:
        return f"MaxInitializationTime could not be evaluated: {TIMELINE}" if self._silent else None


@dataclass(kw_only=True)
class StepOutlier(ProfilerRule):
    """More than `n_outliers` steps of a node and `mode` take longer than the median by `stddev` robust deviations, and by half.

    AWS takes mean and standard deviation, which the outliers themselves raise: of 186 steps with a median of 19 ms, ten that
    took 2.6 to 3.2 s passed. Every mode is kept apart. `details` names each outlier with the part of it that was longest
    beyond its own median, where the timeline has the parts.
    """

    advice = "Look at the cause that is named most: waiting for data, saving, evaluating, another program on the machine."
    stddev: float = number(3.0, over=0)
    mode: str | None = text(None)
    n_outliers: int = number(10, 0)
    _steps: int = field(init=False, repr=False, default=0)

    def look(self, profile: Profile) -> Iterator[Evidence]:
        groups: dict[tuple[str, str], list[TimedStep]] = defaultdict(list)
        for step in profile.timeline.steps():
            if self.mode is None or self.mode.upper().endswith(step.mode):
                groups[step.node, step.mode].append(step)
        self.datapoints = self._steps = sum(len(steps) for steps in groups.values())
        for (node, mode), steps in groups.items():
            if len(steps) <= FEWEST:
                continue
            seconds = np.array([step.seconds for step in steps])
            is_outlier, limit = outliers(seconds, self.stddev)
            found = [step for step, out in zip(steps, is_outlier, strict=True) if out]
            named = found[:FEWEST]
            why = causes(named, steps)
            subject = f"{node} {mode}"
            self.details[subject] = {
                "median": float(np.median(seconds)),
                "limit": limit,
                "outliers": [[step.number, step.seconds, part] for step, part in zip(named, why, strict=True)],
            }
            often = Counter(name for name in why if name).most_common(1)
            message = f"{len(found)} of {len(steps)} steps take longer than {limit:.3g} s (median {np.median(seconds):.3g} s)"
            message += f", most of them for {often[0][0]}" if often else ""
            last = found[-1].number if found else steps[-1].number
            yield from self.judge(subject, len(found), len(found) > self.n_outliers, self.n_outliers, message, last)

    def not_judged(self) -> str | None:
        if self.tested or not self._steps:
            return None
        return f"StepOutlier judged nothing: it needs more than {FEWEST} steps of a mode and saw {self._steps}."

    def missing_input(self) -> str | None:
        return None if self._steps else f"StepOutlier could not be evaluated: {TIMELINE}"


def causes(slow: Sequence[TimedStep], steps: Sequence[TimedStep]) -> list[str | None]:
    """Of each slow step, the part that exceeds its own median over `steps` by most; what no part covers is "Other". None for a
    step without parts."""
    names = {name for step in slow for name in step.parts}
    usual = {name: float(np.median([one.parts.get(name, 0.0) for one in steps])) for name in names}
    rest = float(np.median([_rest(one) for one in steps]))
    found: list[str | None] = []
    for step in slow:
        excess = {name: seconds - usual[name] for name, seconds in step.parts.items()} | {"Other": _rest(step) - rest}
        found.append(max(excess, key=excess.__getitem__) if step.parts else None)
    return found


def _rest(step: TimedStep) -> float:
    """The seconds of a step that no part covers."""
    return step.seconds - sum(step.parts.values())
