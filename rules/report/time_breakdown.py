"""A time breakdown divides the job into phases and its program into steps: outliers with their causes, and the parts of a step.

A step lasts from its start to the start of the next; outliers are told by median and MAD, each mode and node by itself.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NotRequired, TypedDict

import numpy as np

from contract.timeline import PARTS
from rules.checks.steps import causes, outliers
from rules.checks.thinning import Point, thin
from rules.errors import RuleError
from rules.reading.job_files import JobFiles
from rules.reading.profile import Profile
from rules.reading.timeline import TimedStep
from rules.report.number_format import duration, number

FEWEST = 10
"""Steps of a mode below which no outlier is told."""
DEVIATIONS = 3.0
NO_STEPS = (
    "No step events were saved, so steps cannot be told apart: there is no profiler-output/framework. Give the job a "
    "ProfilerConfig; a script has steps where it calls a PyTorch network in training mode. In a container that is not Kennel's, "
    "smdebug's profiler writes them, and needs ProfilingParameters too."
)


class StepGroup(TypedDict):
    """The steps of one node and mode, in seconds. `limit`: above it a step is an outlier. `outliers`: (step, seconds, cause).
    `percent`: of each part of a step. `seconds`: (step, seconds) of the curve; `durations`: of the histogram."""

    node: str
    mode: str
    steps: int
    median: float
    mean: float
    mad: float
    p95: float
    p99: float
    max: float
    limit: float | None
    outliers: list[tuple[int, float, str | None]]
    outlier_count: int
    outlier_seconds: float
    causes: dict[str, int]
    percent: dict[str, float]
    seconds: list[Point]
    durations: list[float]


class ProgramTime(TypedDict):
    """`seconds`: before, in and after the steps."""

    seconds: dict[str, float]
    message: str


class TimeBreakdown(TypedDict):
    """`groups`: a node's steps of one mode. `phases`: (status, seconds) of the job. `absent`: why there are no steps."""

    groups: list[StepGroup]
    phases: list[tuple[str, float]]
    job: NotRequired[ProgramTime]
    absent: NotRequired[str]


def time_breakdown(job: JobFiles, profile: Profile | None, metrics: Mapping[str, float]) -> TimeBreakdown:
    """Divides the job's time into phases, the program's into steps, and a step into its parts."""
    steps = profile.timeline.steps() if profile else []
    by_group: dict[tuple[str, str], list[TimedStep]] = defaultdict(list)
    for step in steps:
        by_group[step.node, step.mode].append(step)
    groups = [group_steps(node, mode, rows) for (node, mode), rows in by_group.items()]
    found = TimeBreakdown(groups=groups, phases=job_phases(job.description))
    if profile and steps:
        found["job"] = program_time(profile)
    else:
        told = metrics.get("train:seconds_per_step")
        found["absent"] = NO_STEPS + (f" The program printed a median of {duration(told)} a step." if told else "")
    return found


def group_steps(node: str, mode: str, steps: list[TimedStep]) -> StepGroup:
    """The steps of one node and mode: their spread, each outlier with its cause, and the share of each part."""
    seconds = np.array([step.seconds for step in steps])
    median = float(np.median(seconds))
    is_outlier, limit = outliers(seconds, DEVIATIONS) if len(steps) >= FEWEST else (np.zeros(len(steps), bool), float("nan"))
    slow = sorted((step for step, out in zip(steps, is_outlier, strict=True) if out), key=lambda one: -one.seconds)
    why = causes(slow, steps)
    p95, p99 = np.percentile(seconds, [95, 99])
    return {
        "node": node,
        "mode": mode,
        "steps": len(steps),
        "median": median,
        "mean": float(seconds.mean()),
        "mad": float(np.median(np.abs(seconds - median))),
        "p95": float(p95),
        "p99": float(p99),
        "max": float(seconds.max()),
        "limit": None if np.isnan(limit) else limit,
        "outliers": [(step.number, step.seconds, part) for step, part in zip(slow[:50], why, strict=False)],
        "outlier_count": len(slow),
        "outlier_seconds": sum(step.seconds - median for step in slow),
        "causes": dict(Counter(part or "unknown" for part in why).most_common()),
        "percent": part_shares(steps),
        "seconds": thin([(step.number, step.seconds) for step in steps], 1200),
        "durations": [round(step.seconds, 6) for step in steps[:: max(1, len(steps) // 5000)]],
    }


def part_shares(steps: list[TimedStep]) -> dict[str, float]:
    """The percentage of whole steps that each part takes; what no part covers is Other, so they add up to 100."""
    whole = sum(step.seconds for step in steps)
    parts = {name: sum(step.parts.get(name, 0.0) for step in steps) for name in PARTS}
    parts = {name: seconds for name, seconds in parts.items() if seconds}
    if not parts or not whole:
        return {}
    total = max(whole, sum(parts.values()))
    return {name: 100 * seconds / total for name, seconds in (parts | {"Other": total - sum(parts.values())}).items()}


def program_time(profile: Profile) -> ProgramTime:
    """Seconds from the first sample to the first step, from there to the last event, and after it; with a sentence."""
    first = profile.timeline.first_step() or 0.0
    last = max(event.start + event.seconds for event in profile.timeline.events)
    ends = [series.times[-1] for name in profile.system.dimensions() for series in profile.system.devices(name).values()]
    began, ended = min(profile.system.started or first, first), max([last, *ends])
    parts = {"before the first step": first - began, "steps": last - first, "after the last step": ended - last}
    longest = max(parts, key=lambda name: parts[name])
    whole = (ended - began) or 1.0
    message = f"{number(100 * parts['steps'] / whole)} % of {duration(whole)} were steps."
    if longest != "steps":
        share = number(100 * parts[longest] / whole)
        message = f"Most of {duration(whole)} was spent {longest}: {duration(parts[longest])}, {share} %."
    return {"seconds": parts, "message": message}


def job_phases(job: Mapping[str, Any]) -> list[tuple[str, float]]:
    """(what SageMaker was doing, seconds) in order, of SecondaryStatusTransitions."""
    found = []
    for change in job.get("SecondaryStatusTransitions") or ():
        begin, end = epoch_seconds(change.get("StartTime")), epoch_seconds(change.get("EndTime"))
        if begin is not None and end is not None and end > begin:
            found.append((str(change.get("Status")), end - begin))
    return found


def epoch_seconds(value: Any) -> float | None:
    """Epoch seconds of an ISO time; None for anything else."""
    try:
        return datetime.fromisoformat(str(value)).timestamp()
    except ValueError:
        return None


def read_profile(job: JobFiles, warnings: list[str]) -> Profile | None:
    """The profile, read once for every section; None where there is none or it cannot be read."""
    if job.profile is None:
        return None
    try:
        profile = Profile(job.profile)
        profile.poll(final=True)
        return profile
    except RuleError as error:
        warnings.append(str(error))
        return None
