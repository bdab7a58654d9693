"""The record of a tuning job, and what Describe and the lists make of it and of its training jobs. Pure; no I/O.

InProgress -> Completed | Failed | Stopping      Stopping -> Stopped
"""

import json
import math
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

from ..storage.store import Kind
from . import training_state
from .training_state import Progress


class Trial(TypedDict):
    """A training job of a tuning job: its name, and the hyperparameters that it was started with."""

    name: str
    values: dict[str, str]


class TuningJob(TypedDict):
    """The record of a tuning job. `trials` are its training jobs, in the order they were started.

    `verdict`: how it is to end, the status and the reason, once that is decided.
    """

    request: Mapping[str, Any]
    arn: str
    seed: int
    created: float
    modified: float
    status: str
    ended: NotRequired[float]
    failure: NotRequired[str]
    trials: list[Trial]
    verdict: NotRequired[tuple[str, str | None]]


KIND: Kind[TuningJob] = Kind("tuning-job")
LIVE = ("InProgress", "Stopping")
ENDED = ("Completed", "Failed", "Stopped")
NAME_LIMIT = 63
RESOURCES = "HyperParameterTuningResourceConfig"
"""Another name for a definition's ResourceConfig; the SageMaker SDK uses it."""
FRAMEWORK = "sagemaker_estimator_class_name"
"""A static hyperparameter of the SageMaker SDK's framework estimators, whose values are all JSON."""
RANGES = ("IntegerParameterRanges", "ContinuousParameterRanges", "CategoricalParameterRanges")


def new(request: Mapping[str, Any], arn: str, seed: int, now: float) -> TuningJob:
    """The record of a tuning job that was just asked for."""
    return {
        "request": request,
        "arn": arn,
        "seed": seed,
        "created": now,
        "modified": now,
        "status": "InProgress",
        "trials": [],
    }


def objective(request: Mapping[str, Any]) -> tuple[str, bool]:
    """The metric's name, and whether it is to be maximized."""
    wanted = request["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]
    return wanted["MetricName"], wanted["Type"] == "Maximize"


def training_job_name(tuning_job: str, number: int) -> str:
    """<tuning job>-001-<8 hex>."""
    return f"{tuning_job}-{number:03d}-{secrets.token_hex(4)}"


def training_request(request: Mapping[str, Any], name: str, values: Mapping[str, str]) -> dict[str, Any]:
    """The CreateTrainingJob request of one try. A definition has its resources under one of two names."""
    definition = request["TrainingJobDefinition"]
    apart = ("StaticHyperParameters", "DefinitionName", "TuningObjective", "HyperParameterRanges", RESOURCES)
    return {
        **{member: value for member, value in definition.items() if member not in apart},
        **_resources(definition),
        "TrainingJobName": name,
        "HyperParameters": _static(request) | dict(values),
    }


def _resources(definition: Mapping[str, Any]) -> dict[str, Any]:
    """The definition's ResourceConfig under that name, whichever it was sent under."""
    name = RESOURCES if RESOURCES in definition else "ResourceConfig"
    return {"ResourceConfig": definition[name]} if name in definition else {}


def _static(request: Mapping[str, Any]) -> dict[str, str]:
    """The hyperparameters that all training jobs have: those of the request, and the objective, as SageMaker adds it."""
    metric, _ = objective(request)
    given = request["TrainingJobDefinition"].get("StaticHyperParameters", {})
    return {**given, training_state.OBJECTIVE: json.dumps(metric) if FRAMEWORK in given else metric}


def _described(request: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration and the definition as they are described, which is more than was sent: what a client attaches to."""
    config, definition = request["HyperParameterTuningJobConfig"], request["TrainingJobDefinition"]
    ranges = config.get("ParameterRanges", {})
    return {
        "HyperParameterTuningJobConfig": {
            "TrainingJobEarlyStoppingType": "Off",
            **config,
            "ParameterRanges": {member: [] for member in RANGES} | ranges,
        },
        "TrainingJobDefinition": {
            **definition,
            "StaticHyperParameters": _static(request),
            **_resources(definition),
            "OutputDataConfig": {"KmsKeyId": "", **definition["OutputDataConfig"]},
        },
    }


def final_objective(job: Progress, metric: str) -> float | None:
    """The last value of the objective that a training job printed."""
    found = job["metrics"].get(metric)
    return found[0] if found else None


def objective_status(job: Progress, metric: str) -> str:
    """Succeeded, Pending or Failed. A job that was stopped counts with what it had printed."""
    if job["status"] in training_state.LIVE:
        return "Pending"
    return "Failed" if job["status"] == "Failed" or final_objective(job, metric) is None else "Succeeded"


def counters(record: TuningJob, jobs: Sequence[Progress]) -> dict[str, Any]:
    """TrainingJobStatusCounters and ObjectiveStatusCounters."""
    metric, _ = objective(record["request"])
    states = [job["status"] for job in jobs]
    objectives = [objective_status(job, metric) for job in jobs]
    return {
        "TrainingJobStatusCounters": {
            "Completed": states.count("Completed"),
            "InProgress": sum(state in training_state.LIVE for state in states),
            "RetryableError": 0,
            "NonRetryableError": states.count("Failed"),
            "Stopped": states.count("Stopped"),
        },
        "ObjectiveStatusCounters": {name: objectives.count(name) for name in ("Succeeded", "Pending", "Failed")},
    }


def summary(record: TuningJob, trial: Trial, job: Progress, *, best: bool = False) -> dict[str, Any]:
    """A training job as ListTrainingJobsForHyperParameterTuningJob shows it; `best` as BestTrainingJob does."""
    metric, maximize = objective(record["request"])
    value = final_objective(job, metric)
    found: dict[str, Any] = {
        "TrainingJobName": trial["name"],
        "TrainingJobArn": job["arn"],
        "CreationTime": job["created"],
        "TrainingJobStatus": job["status"],
        "TunedHyperParameters": trial["values"],
        "ObjectiveStatus": objective_status(job, metric),
    }
    if name := record["request"]["TrainingJobDefinition"].get("DefinitionName"):
        found["TrainingJobDefinitionName"] = name
    if "started" in job:
        found["TrainingStartTime"] = job["started"]
    if "ended" in job:
        found["TrainingEndTime"] = job["ended"]
    if "failure" in job:
        found["FailureReason"] = job["failure"]
    if value is not None:
        found["FinalHyperParameterTuningJobObjectiveMetric"] = {
            "MetricName": metric,
            "Value": value,
            **({"Type": "Maximize" if maximize else "Minimize"} if best else {}),
        }
    return found


def best_trial(record: TuningJob, jobs: Sequence[Progress]) -> int | None:
    """The position of the training job with the best objective, of those that have ended and did not fail."""
    metric, maximize = objective(record["request"])
    sign = 1.0 if maximize else -1.0
    scored = [
        (sign * job["metrics"][metric][0], -position)
        for position, job in enumerate(jobs)
        if objective_status(job, metric) == "Succeeded"
    ]
    return -max(scored)[1] if scored else None


def describe(record: TuningJob, jobs: Sequence[Progress], now: float) -> dict[str, Any]:
    """The answer of DescribeHyperParameterTuningJob; `jobs` are the training jobs' records, in the order of the trials."""
    request = record["request"]
    answer: dict[str, Any] = {
        "HyperParameterTuningJobName": request["HyperParameterTuningJobName"],
        "HyperParameterTuningJobArn": record["arn"],
        **_described(request),
        "HyperParameterTuningJobStatus": record["status"],
        "CreationTime": record["created"],
        "LastModifiedTime": max([record["modified"], *(job["modified"] for job in jobs)]),
        **counters(record, jobs),
        "ConsumedResources": {"RuntimeInSeconds": math.ceil(sum(training_state.seconds_run(job, now) for job in jobs))},
    }
    if "WarmStartConfig" in request:
        answer["WarmStartConfig"] = request["WarmStartConfig"]
    if "ended" in record:
        answer["HyperParameterTuningEndTime"] = record["ended"]
    if "failure" in record:
        answer["FailureReason"] = record["failure"]
    if (best := best_trial(record, jobs)) is not None:
        answer["BestTrainingJob"] = summary(record, record["trials"][best], jobs[best], best=True)
    return answer
