"""The report of a tuning job as plain data, from what SageMaker says of it: DescribeHyperParameterTuningJob and its trials."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rules.checks.evaluation import finite
from rules.errors import SourceError
from rules.report.importance import FEWEST, importance, trend
from rules.report.time_breakdown import moment

KEYS = {"HyperParameterTuningJob", "TrainingJobs"}
"""Of the .json file: the answer of DescribeHyperParameterTuningJob, and the TrainingJobSummaries of the list operation."""


def gather(given: Mapping[str, Any]) -> dict[str, Any]:
    """All numbers of the report. Raises SourceError for a file that is something else."""
    try:
        job, rows = given["HyperParameterTuningJob"], given["TrainingJobs"]
        config = job["HyperParameterTuningJobConfig"]
        goal = config.get("HyperParameterTuningJobObjective") or job["TrainingJobDefinition"]["TuningObjective"]
        objective = {"name": goal["MetricName"], "better": "high" if goal["Type"] == "Maximize" else "low"}
        ranges = _ranges(config.get("ParameterRanges") or {})
        trials = [_trial(row, ranges) for row in sorted(rows, key=lambda row: str(row.get("CreationTime")))]
    except (KeyError, TypeError, AttributeError) as error:
        raise SourceError(f"this is no tuning job's description: {error!r}.") from None
    measured = [trial for trial in trials if trial["objective"] is not None]
    best = None
    if measured:
        best = (min if objective["better"] == "low" else max)(measured, key=lambda trial: trial["objective"])["name"]
    began = min((trial["start"] for trial in trials if trial["start"] is not None), default=None)
    for number, trial in enumerate(trials, start=1):
        trial["number"] = number
        trial["after"] = trial["end"] - began if trial["end"] is not None and began is not None else None
    return finite(
        {
            "report": 1,
            "kind": "tuning",
            "name": job["HyperParameterTuningJobName"],
            "written": datetime.now(UTC).isoformat(timespec="seconds"),
            "status": str(job.get("HyperParameterTuningJobStatus")),
            "strategy": str(config.get("Strategy")),
            "early_stopping": str(config.get("TrainingJobEarlyStoppingType", "Off")),
            "limits": dict(config.get("ResourceLimits") or {}),
            "objective": objective,
            "ranges": ranges,
            "trials": trials,
            "best": best,
            "importance": _importances(measured, ranges),
            "importance_needs": FEWEST,
        }
    )


def best_so_far(values: Sequence[float], better: str) -> list[float]:
    """The best of each value and those before it."""
    found: list[float] = []
    for value in values:
        pick = min if better == "low" else max
        found.append(pick(found[-1], value) if found else value)
    return found


def _ranges(given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for kind in ("ContinuousParameterRanges", "IntegerParameterRanges"):
        for row in given.get(kind) or ():
            low, high = float(row["MinValue"]), float(row["MaxValue"])
            log = row.get("ScalingType") in ("Logarithmic", "ReverseLogarithmic")
            wide = row.get("ScalingType", "Auto") == "Auto" and low > 0 and high / low >= 100
            found[row["Name"]] = {"low": low, "high": high, "log": (log or wide) and low > 0}
    for row in given.get("CategoricalParameterRanges") or ():
        found[row["Name"]] = {"values": list(row["Values"])}
    return found


def _trial(row: Mapping[str, Any], ranges: Mapping[str, Any]) -> dict[str, Any]:
    told = row.get("FinalHyperParameterTuningJobObjectiveMetric") or {}
    status = row["TrainingJobStatus"]
    return {
        "name": row["TrainingJobName"],
        "status": status,
        "stopped_early": status == "Stopped",
        "reason": row.get("FailureReason"),
        "objective": float(told["Value"]) if "Value" in told else None,
        "start": moment(row.get("TrainingStartTime") or row.get("CreationTime")),
        "end": moment(row.get("TrainingEndTime")),
        "hyperparameters": {
            name: str(value) if "values" in ranges.get(name, {}) else _number(value)
            for name, value in (row.get("TunedHyperParameters") or {}).items()
        },
    }


def _number(value: str) -> float | str:
    try:
        return float(value)
    except ValueError:
        return value


def _importances(trials: Sequence[Mapping[str, Any]], ranges: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for name in ranges:
        used = [trial for trial in trials if name in trial["hyperparameters"]]
        values, results = [trial["hyperparameters"][name] for trial in used], [trial["objective"] for trial in used]
        rows.append(
            {"name": name, "importance": importance(values, results), "trend": trend(values, results), "trials": len(used)}
        )
    return sorted(rows, key=lambda row: -(row["importance"] or 0.0))
