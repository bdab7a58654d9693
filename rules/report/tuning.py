"""The report of a tuning job is gathered as plain data, from DescribeHyperParameterTuningJob and the summaries of its trials."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

from rules.checks.evaluation import finite_or_null
from rules.errors import SourceError
from rules.report.importance import FEWEST, importance, trend
from rules.report.job_report import VERSION, now
from rules.report.time_breakdown import epoch_seconds

KEYS = {"HyperParameterTuningJob", "TrainingJobs"}
"""Of the .json file: the answer of DescribeHyperParameterTuningJob, and the TrainingJobSummaries of the list operation."""


class Objective(TypedDict):
    """The metric that the search looks at. `better`: which end of it is wanted."""

    name: str
    better: Literal["low", "high"]


class SearchRange(TypedDict, total=False):
    """What a hyperparameter was chosen from: `values` of a categorical one, else `low` to `high`; `log`: a logarithmic axis."""

    low: float
    high: float
    log: bool
    values: list[str]


class TuningTrial(TypedDict):
    """One training job of the search. Times in epoch seconds; `after`: seconds from the first trial's start to its end.
    `number`: from 1, in the order of creation."""

    name: str
    status: str
    stopped_early: bool
    reason: str | None
    objective: float | None
    start: float | None
    end: float | None
    hyperparameters: dict[str, float | str]
    number: int
    after: float | None


class Importance(TypedDict):
    """How much a hyperparameter mattered, 0 to 1, and Spearman's correlation; None where too few trials tell."""

    name: str
    importance: float | None
    trend: float | None
    trials: int


class TuningReport(TypedDict):
    """`best`: the name of the best trial. `importance_needs`: trials with an objective below which nothing is said."""

    report: int
    kind: Literal["tuning"]
    name: str
    written: str
    status: str
    strategy: str
    early_stopping: str
    limits: dict[str, Any]
    objective: Objective
    ranges: dict[str, SearchRange]
    trials: list[TuningTrial]
    best: str | None
    importance: list[Importance]
    importance_needs: int


def gather(given: Mapping[str, Any]) -> TuningReport:
    """Makes the report of what SageMaker says. Raises SourceError for a file that is something else."""
    try:
        job, rows = given["HyperParameterTuningJob"], given["TrainingJobs"]
        config = job["HyperParameterTuningJobConfig"]
        goal = config.get("HyperParameterTuningJobObjective") or job["TrainingJobDefinition"]["TuningObjective"]
        objective: Objective = {"name": goal["MetricName"], "better": "high" if goal["Type"] == "Maximize" else "low"}
        ranges = _ranges(config.get("ParameterRanges") or {})
        ordered = sorted(rows, key=lambda row: str(row.get("CreationTime")))
        trials = [_trial(number, row, ranges) for number, row in enumerate(ordered, start=1)]
    except (KeyError, TypeError, AttributeError) as error:
        raise SourceError(f"this is no tuning job's description: {error!r}.") from None
    began = min((trial["start"] for trial in trials if trial["start"] is not None), default=None)
    for trial in trials:
        trial["after"] = trial["end"] - began if trial["end"] is not None and began is not None else None
    body: TuningReport = {
        "report": VERSION,
        "kind": "tuning",
        "name": job["HyperParameterTuningJobName"],
        "written": now(),
        "status": str(job.get("HyperParameterTuningJobStatus")),
        "strategy": str(config.get("Strategy")),
        "early_stopping": str(config.get("TrainingJobEarlyStoppingType", "Off")),
        "limits": dict(config.get("ResourceLimits") or {}),
        "objective": objective,
        "ranges": ranges,
        "trials": trials,
        "best": _best(trials, objective["better"]),
        "importance": _importances(trials, ranges),
        "importance_needs": FEWEST,
    }
    return finite_or_null(body)


def _best(trials: Sequence[TuningTrial], better: str) -> str | None:
    measured = [(trial["objective"], trial["name"]) for trial in trials if trial["objective"] is not None]
    if not measured:
        return None
    return (min if better == "low" else max)(measured, key=lambda pair: pair[0])[1]


def best_so_far(values: Sequence[float], better: str) -> list[float]:
    """The best of each value and those before it."""
    found: list[float] = []
    for value in values:
        pick = min if better == "low" else max
        found.append(pick(found[-1], value) if found else value)
    return found


def _ranges(given: Mapping[str, Any]) -> dict[str, SearchRange]:
    found: dict[str, SearchRange] = {}
    for kind in ("ContinuousParameterRanges", "IntegerParameterRanges"):
        for row in given.get(kind) or ():
            low, high = float(row["MinValue"]), float(row["MaxValue"])
            log = row.get("ScalingType") in ("Logarithmic", "ReverseLogarithmic")
            wide = row.get("ScalingType", "Auto") == "Auto" and low > 0 and high / low >= 100
            found[row["Name"]] = {"low": low, "high": high, "log": (log or wide) and low > 0}
    for row in given.get("CategoricalParameterRanges") or ():
        found[row["Name"]] = {"values": list(row["Values"])}
    return found


def _trial(number: int, row: Mapping[str, Any], ranges: Mapping[str, SearchRange]) -> TuningTrial:
    told = row.get("FinalHyperParameterTuningJobObjectiveMetric") or {}
    status = row["TrainingJobStatus"]
    return {
        "name": row["TrainingJobName"],
        "status": status,
        "stopped_early": status == "Stopped",
        "reason": row.get("FailureReason"),
        "objective": float(told["Value"]) if "Value" in told else None,
        "start": epoch_seconds(row.get("TrainingStartTime") or row.get("CreationTime")),
        "end": epoch_seconds(row.get("TrainingEndTime")),
        "hyperparameters": {
            name: str(value) if "values" in ranges.get(name, {}) else _number(value)
            for name, value in (row.get("TunedHyperParameters") or {}).items()
        },
        "number": number,
        "after": None,
    }


def _number(value: str) -> float | str:
    try:
        return float(value)
    except ValueError:
        return value


def _importances(trials: Sequence[TuningTrial], ranges: Mapping[str, SearchRange]) -> list[Importance]:
    rows: list[Importance] = []
    for name in ranges:
        used = [
            (trial["hyperparameters"][name], trial["objective"])
            for trial in trials
            if trial["objective"] is not None and name in trial["hyperparameters"]
        ]
        values, results = [value for value, _ in used], [result for _, result in used]
        rows.append(
            {"name": name, "importance": importance(values, results), "trend": trend(values, results), "trials": len(used)}
        )
    return sorted(rows, key=lambda row: -(row["importance"] or 0.0))
