"""The report of one training job is gathered as plain data: report.json holds it, and the page is made from it alone."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NotRequired, TypedDict

from contract.files import write_whole
from rules.checks.evaluation import finite_or_null
from rules.reading.job_files import JobFiles
from rules.report.absent import Absent
from rules.report.findings import Findings, NoFindings, findings
from rules.report.learning_curves import LearningCurves, final_metrics, learning_curves
from rules.report.operators import OperatorTimes, operator_times
from rules.report.predictions import Predictions, predictions, thumbnails
from rules.report.settings import JobSettings, job_settings
from rules.report.time_breakdown import TimeBreakdown, read_profile, time_breakdown
from rules.report.utilization import Utilization, utilization

VERSION = 1
Say = Callable[[str], None]


class JobTime(TimeBreakdown, OperatorTimes):
    """Where the time of a job went, and what its steps computed."""


class JobReport(TypedDict):
    """`script`: the entry point of a script's job, else empty. `location`: where the files were read. `written`: an ISO time.
    `warnings`: what could not be read. A report of the profiler's files alone has no learning, predictions and settings."""

    report: int
    name: str
    script: str
    location: str
    written: str
    metrics: dict[str, float]
    findings: Findings | NoFindings
    time: JobTime
    machine: Utilization | Absent
    warnings: list[str]
    learning: NotRequired[LearningCurves | Absent]
    predictions: NotRequired[Predictions | Absent]
    settings: NotRequired[JobSettings | Absent]


def gather(job: JobFiles, say: Say = lambda line: None, *, everything: bool = False) -> JobReport:
    """Reads and evaluates everything. `say` is told what is being done; `everything`: see `findings`. Raises RuleError."""
    warnings, metrics = list(job.warnings), final_metrics(job)
    profile = read_profile(job, warnings)
    say("evaluating rules")
    found = findings(job, profile, say, everything=everything)
    breakdown, settings = time_breakdown(job, profile, metrics), job_settings(job)
    precision = "" if "absent" in settings else settings["hyperparameters"].get("precision", "")
    learning = learning_curves(job, warnings)
    operators = operator_times(job.output_files, breakdown["groups"], precision, warnings)
    said = predictions(job.output_files, warnings)
    body: JobReport = {
        "report": VERSION,
        "name": job.name,
        "script": job.script,
        "location": job.location,
        "written": now(),
        "metrics": metrics,
        "findings": found,
        "time": JobTime(**breakdown, **operators),
        "machine": utilization(profile),
        "warnings": [*warnings, *found["warnings"]],
        "learning": learning,
        "predictions": said,
        "settings": settings,
    }
    return finite_or_null(body)


def now() -> str:
    """The time as reports write it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def pictures_of(job: JobFiles, body: JobReport) -> dict[str, str]:
    """Small copies of the pictures that the report shows, or why there is none."""
    said = body["predictions"]
    return {} if "absent" in said else thumbnails(job, [row["picture"] for row in said["worst"]])


def save(folder: Path, html: str, body: Mapping[str, object], name: str = "report") -> Path:
    """Writes NAME.json and NAME.html, each whole or not at all; the page's path. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / f"{name}.json", json.dumps(body, indent=1, allow_nan=False) + "\n")
    write_whole(folder / f"{name}.html", html)
    return folder / f"{name}.html"
