"""What happened: loss, accuracy and learning rate by step and mode, from what the training program left and its hook saved."""

import csv
import io
import json
from collections.abc import Mapping
from typing import Any

from contract.output_data import HISTORY, STEPS
from rules.errors import RuleError
from rules.reading.job_files import Places
from rules.reading.saved_tensors import Trial
from rules.reading.source import Source
from rules.report.curve import Point, thin

KEPT = 2000
"""Points of a curve that the report keeps."""
ABSENT = (
    "No losses were saved: output/data has no steps.csv and the job has no tensors of the collection losses. "
    "Save them with a DebugHookConfig, or train with Kennel's program."
)


def learning(places: Places, odd: list[str]) -> dict[str, Any]:
    """`loss`, `accuracy`: curves by name, points of [step, value]; `rate` likewise; `epochs`: a row each; `final`: metrics.
    Or `absent`, the reason."""
    curves: dict[str, dict[str, list[Point]]] = {"loss": {}, "accuracy": {}, "rate": {}}
    ends = _steps(places.files, curves, odd)
    epochs = _history(places.files, odd)
    for number, row in enumerate(epochs, start=1):
        step = ends.get(int(row.get("epoch", number)), number)
        for name, value in row.items():
            mode, _, kind = name.partition(":")
            if kind in ("loss", "accuracy") and isinstance(value, int | float) and (mode, kind) != ("train", "loss"):
                curves[kind].setdefault(mode, []).append((step, float(value)))
            elif (mode, kind) == ("train", "loss") and not ends:
                curves["loss"].setdefault("train", []).append((step, float(value)))
    saved = _saved(places.tensors, odd) if places.tensors else {}
    if not curves["loss"]:
        curves["loss"] = {_mode(mode): points for mode, points in saved.items()}
    if not any(curves.values()):
        return {"absent": ABSENT}
    found: dict[str, Any] = {kind: {name: thin(points, KEPT) for name, points in part.items()} for kind, part in curves.items()}
    return found | {
        "saved": {mode: thin(points, KEPT) for mode, points in saved.items()},
        "epochs": epochs,
        "by_step": bool(ends),
    }


def metrics(places: Places) -> dict[str, float]:
    """The final metrics: of the job's description, else of model.json."""
    rows = {row["MetricName"]: row["Value"] for row in places.job.get("FinalMetricDataList") or ()}
    return {name: float(value) for name, value in (places.manifest.get("metrics") or rows).items() if _is_number(value)}


def _mode(mode: str) -> str:
    return {"TRAIN": "train", "EVAL": "validation", "GLOBAL": "loss"}.get(mode, mode.lower())


def _steps(files: Mapping[str, bytes], curves: dict[str, dict[str, list[Point]]], odd: list[str]) -> dict[int, int]:
    """Each step's loss and rate into the curves; the last step of each epoch."""
    ends: dict[int, int] = {}
    try:
        for row in csv.DictReader(io.StringIO(files.get(STEPS, b"").decode("ascii", "replace"))):
            step, epoch, loss, rate = int(row["step"]), int(row["epoch"]), float(row["loss"]), float(row["lr"])
            curves["loss"].setdefault("train", []).append((step, loss))
            curves["rate"].setdefault("learning rate", []).append((step, rate))
            ends[epoch] = step
    except (KeyError, ValueError, TypeError) as error:
        odd.append(f"{STEPS}: a line is no step: {error!r}.")
    return ends


def _history(files: Mapping[str, bytes], odd: list[str]) -> list[dict[str, Any]]:
    try:
        rows = json.loads(files.get(HISTORY, b"[]"))
        if isinstance(rows, list) and all(isinstance(row, dict) for row in rows):
            return rows
        odd.append(f"{HISTORY}: not a list of epochs.")
    except ValueError as error:
        odd.append(f"{HISTORY} is not JSON: {str(error)[:100]}.")
    return []


def _saved(source: Source, odd: list[str]) -> dict[str, list[Point]]:
    """The losses that smdebug's hook saved, by mode; the mean where a step has more than one."""
    found: dict[str, list[Point]] = {}
    try:
        trial = Trial(source)
        for step in trial.poll(final=True):
            values = [value for one in trial.select(step, ["losses"]) if (value := one.statistic("mean")) is not None]
            if values:
                found.setdefault(step.mode, []).append((step.number, sum(values) / len(values)))
    except RuleError as error:
        odd.append(str(error))
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
