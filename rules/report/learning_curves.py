"""Learning curves are loss, accuracy and learning rate by step and mode, from the training program's files or the hook's."""

import csv
import io
import json
import math
from collections.abc import Mapping
from typing import Any, TypedDict, final

from contract.output_data import HISTORY, STEPS
from contract.reason import first_line
from rules.checks.thinning import Point, thin
from rules.errors import RuleError
from rules.reading.job_files import JobFiles
from rules.reading.json_fields import LARGEST, whole
from rules.reading.saved_tensors import SavedTensors
from rules.reading.source import Source
from rules.report.absent import Absent

KEPT = 2000
"""Points of a curve that the report keeps."""
ABSENT = (
    "No losses were saved: output/data has no steps.csv and the job has no tensors of the collection losses. "
    "Save them with a DebugHookConfig, or train with Kennel's picture classifier."
)


Curves = dict[str, list[Point]]
"""Curves by name, such as "train" and "validation", with points of (step, value)."""


@final
class LearningCurves(TypedDict):
    """`saved`: losses that smdebug's hook saved, by mode. `epochs`: rows of history.json. `by_step`: whether the training
    program wrote each step; otherwise the steps are epochs, or those that were saved."""

    loss: Curves
    accuracy: Curves
    rate: Curves
    saved: Curves
    epochs: list[dict[str, Any]]
    by_step: bool


def learning_curves(job: JobFiles, warnings: list[str]) -> LearningCurves | Absent:
    """`loss`, `accuracy`: curves by name, points of [step, value]; `rate` likewise; `epochs`: a row each; `final`: metrics.
    Or `absent`, the reason."""
    curves: dict[str, Curves] = {"loss": {}, "accuracy": {}, "rate": {}}
    ends = _steps(job.output_files, curves, warnings)
    epochs = _history(job.output_files, warnings)
    for number, row in enumerate(epochs, start=1):
        epoch = row.get("epoch", number)
        step = ends.get(int(epoch) if math.isfinite(epoch) else number, number)
        for name, value in row.items():
            mode, _, kind = name.partition(":")
            if kind in ("loss", "accuracy") and isinstance(value, int | float) and (mode, kind) != ("train", "loss"):
                curves[kind].setdefault(mode, []).append((step, float(value)))
            elif (mode, kind) == ("train", "loss") and not ends:
                curves["loss"].setdefault("train", []).append((step, float(value)))
    saved = _saved(job.tensors, warnings) if job.tensors else {}
    if not curves["loss"]:
        curves["loss"] = {_mode(mode): points for mode, points in saved.items()}
    if not any(curves.values()):
        return {"absent": ABSENT}
    return LearningCurves(
        loss=_thinned(curves["loss"]),
        accuracy=_thinned(curves["accuracy"]),
        rate=_thinned(curves["rate"]),
        saved=_thinned(saved),
        epochs=epochs,
        by_step=bool(ends),
    )


def _thinned(curves: Curves) -> Curves:
    return {name: thin(points, KEPT) for name, points in curves.items()}


def final_metrics(job: JobFiles) -> dict[str, float]:
    """The final metrics: of the job's description, else of model.json."""
    rows = {row["MetricName"]: row["Value"] for row in job.description.get("FinalMetricDataList") or ()}
    packed = job.manifest.get("metrics")
    found = packed if packed and isinstance(packed, dict) else rows
    return {name: float(value) for name, value in found.items() if _is_number(value)}


def _mode(mode: str) -> str:
    return {"TRAIN": "train", "EVAL": "validation", "GLOBAL": "loss"}.get(mode, mode.lower())


def _steps(files: Mapping[str, bytes], curves: dict[str, Curves], warnings: list[str]) -> dict[int, int]:
    """Each step's loss and rate into the curves; the last step of each epoch."""
    ends: dict[int, int] = {}
    try:
        for row in csv.DictReader(io.StringIO(files.get(STEPS, b"").decode("ascii", "replace"))):
            step, epoch, loss, rate = whole(row["step"]), whole(row["epoch"]), float(row["loss"]), float(row["lr"])
            curves["loss"].setdefault("train", []).append((step, loss))
            curves["rate"].setdefault("learning rate", []).append((step, rate))
            ends[epoch] = step
    except (KeyError, ValueError, TypeError, csv.Error) as error:
        warnings.append(f"{STEPS}: a line is no step: {error!r}.")
    return ends


def _history(files: Mapping[str, bytes], warnings: list[str]) -> list[dict[str, Any]]:
    try:
        rows = json.loads(files.get(HISTORY, b"[]"))
        if isinstance(rows, list) and all(isinstance(row, dict) for row in rows):
            return [{name: value for name, value in row.items() if _is_number(value)} for row in rows]
        warnings.append(f"{HISTORY}: not a list of epochs.")
    except (ValueError, RecursionError) as error:
        warnings.append(f"{HISTORY} is not JSON: {first_line(error, 100)}.")
    return []


def _saved(source: Source, warnings: list[str]) -> Curves:
    """The losses that smdebug's hook saved, by mode; the mean where a step has more than one."""
    found: Curves = {}
    try:
        saved = SavedTensors(source)
        for step in saved.poll(final=True):
            values = [value for one in saved.select(step, ["losses"]) if (value := one.statistic("mean")) is not None]
            if values:
                found.setdefault(step.mode, []).append((step.number, sum(values) / len(values)))
    except RuleError as error:
        warnings.append(str(error))
    return found


def _is_number(value: object) -> bool:
    """NaN and infinity are: a training that failed has had them."""
    return isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST)
