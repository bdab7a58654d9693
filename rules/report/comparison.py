"""Two jobs are compared as plain data, from their reports: what differs in settings, metrics, curves, time and findings."""

from collections.abc import Mapping
from typing import Literal, TypedDict

from rules.report.absent import Absent
from rules.report.findings import Findings, NoFindings
from rules.report.job_report import VERSION, JobReport, now
from rules.report.learning_curves import Curves, LearningCurves
from rules.report.settings import JobSettings

GROUPS: tuple[Literal["hyperparameters", "data", "job", "machine", "versions"], ...] = (
    "hyperparameters",
    "data",
    "job",
    "machine",
    "versions",
)
_NO_CURVES = LearningCurves(loss={}, accuracy={}, rate={}, saved={}, epochs=[], by_step=False)
Pair = tuple[Curves, Curves]


class StepSummary(TypedDict):
    """The steps of one node and mode: a StepGroup without what only its own page shows."""

    node: str
    mode: str
    steps: int
    median: float
    p95: float
    outlier_count: int
    percent: dict[str, float]


class Comparison(TypedDict):
    """`names`: of both jobs; everything else is in their order. `settings`: (group, name, value, value) of those that differ;
    `known_settings`: whether both jobs have theirs. `metrics`: (name, value, value, difference). `curves`: loss, accuracy and
    rate. `rules`: (rule, status, status)."""

    report: int
    kind: Literal["comparison"]
    names: tuple[str, str]
    written: str
    settings: list[tuple[str, str, str, str]]
    known_settings: bool
    metrics: list[tuple[str, float | None, float | None, float | None]]
    curves: dict[str, Pair]
    steps: tuple[list[StepSummary], list[StepSummary]]
    rules: list[tuple[str, str, str]]


def compare(one: JobReport, other: JobReport) -> Comparison:
    """Puts two reports side by side."""
    names = (one["name"], other["name"])
    if names[0] == names[1]:
        names = (f"{names[0]} (1)", f"{names[1]} (2)")
    return {
        "report": VERSION,
        "kind": "comparison",
        "names": names,
        "written": now(),
        "settings": differences(one["settings"], other["settings"]),
        "known_settings": "absent" not in one["settings"] and "absent" not in other["settings"],
        "metrics": side_by_side(one["metrics"], other["metrics"]),
        "curves": _curves(one["learning"], other["learning"]),
        "steps": (_steps(one), _steps(other)),
        "rules": statuses(one["findings"], other["findings"]),
    }


def differences(one: JobSettings | Absent, other: JobSettings | Absent) -> list[tuple[str, str, str, str]]:
    """(group, name, value, value) of each setting that is not the same; a dash where one of the jobs has it not."""
    rows: list[tuple[str, str, str, str]] = []
    for group in GROUPS:
        first, second = ({} if "absent" in settings else settings[group] for settings in (one, other))
        for name in sorted({*first, *second}):
            if first.get(name) != second.get(name) and name not in ("began", "ended"):
                rows.append((group, name, first.get(name, "–"), second.get(name, "–")))
    return rows


def side_by_side(
    one: Mapping[str, float], other: Mapping[str, float]
) -> list[tuple[str, float | None, float | None, float | None]]:
    """(metric, value, value, difference) of each metric; None where one of the jobs has it not."""
    rows = []
    for name in sorted({*one, *other}):
        first, second = one.get(name), other.get(name)
        rows.append((name, first, second, second - first if first is not None and second is not None else None))
    return rows


def statuses(one: Findings | NoFindings, other: Findings | NoFindings) -> list[tuple[str, str, str]]:
    """(rule, status, status) of each rule that either job has."""
    first, second = ({} if "absent" in part else {row["rule"]: row["status"] for row in part["rules"]} for part in (one, other))
    return [(name, first.get(name, "–"), second.get(name, "–")) for name in sorted({*first, *second})]


def _curves(one: LearningCurves | Absent, other: LearningCurves | Absent) -> dict[str, Pair]:
    first, second = (_NO_CURVES if "absent" in part else part for part in (one, other))
    return {
        "loss": (first["loss"], second["loss"]),
        "accuracy": (first["accuracy"], second["accuracy"]),
        "rate": (first["rate"], second["rate"]),
    }


def _steps(body: JobReport) -> list[StepSummary]:
    return [
        {
            "node": group["node"],
            "mode": group["mode"],
            "steps": group["steps"],
            "median": group["median"],
            "p95": group["p95"],
            "outlier_count": group["outlier_count"],
            "percent": group["percent"],
        }
        for group in body["time"]["groups"]
    ]
