"""The record of a training job: its statuses, their allowed order, and what Describe makes of them. Pure; no I/O.

InProgress -> Completed | Failed | Stopping      Stopping -> Stopped | Failed
"""

import math
from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

from ..storage.store import Kind


class Transition(TypedDict):
    """A secondary status that a job has or had, as Describe shows it."""

    Status: str
    StartTime: float
    StatusMessage: str
    EndTime: NotRequired[float]


class Progress(TypedDict):
    """What a tuning job looks at of a training job. `metrics` has [value, epoch seconds] by names, `history` the values of the
    metric that the tuning job watches."""

    arn: str
    created: float
    modified: float
    status: str
    started: NotRequired[float]
    ended: NotRequired[float]
    failure: NotRequired[str]
    run_seconds: float
    attempt_started: float | None
    metrics: dict[str, list[float]]
    history: list[float]


class TrainingJob(Progress):
    """The record of a training job. `streams` and `offsets` are of its logs, by host: their names, and how far each was read.

    `given_up`: positions of metric definitions that took too long. `ending` and `failed_host`: why its containers are being
    ended (training_run.End), and whose failure it was.
    """

    request: Mapping[str, Any]
    secondary: str
    transitions: list[Transition]
    attempt: int
    given_up: NotRequired[list[int]]
    streams: dict[str, str]
    offsets: dict[str, int]
    tuning_job_arn: NotRequired[str | None]
    ending: NotRequired[str]
    failed_host: NotRequired[str | None]


KIND: Kind[TrainingJob] = Kind("training-job")

OBJECTIVE = "_tuning_objective_metric"
"""The hyperparameter with which SageMaker tells a tuning job's training job what it is judged by."""
FAILURE_LIMIT = 1024
DEFAULT_MAX_RUNTIME = 86400
LIVE = ("InProgress", "Stopping")
ENDED = ("Completed", "Failed", "Stopped")

MESSAGES = {
    "Starting": "Preparing the instances for training",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Uploading": "Uploading generated training model",
    "Completed": "Training job completed",
    "Stopping": "Stopping the training job",
    "Stopped": "Training job stopped",
    "Interrupted": "The managed spot capacity was taken back. The job starts again when there is some.",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
    "MaxWaitTimeExceeded": "Training job runtime exceeded MaxWaitTimeInSeconds provided",
}


def new(request: Mapping[str, Any], arn: str, now: float, tuning_job_arn: str | None = None) -> TrainingJob:
    """The record of a job that was just asked for."""
    record: TrainingJob = {
        "request": request,
        "arn": arn,
        "created": now,
        "modified": now,
        "status": "InProgress",
        "secondary": "",
        "transitions": [],
        "attempt": 0,
        "run_seconds": 0.0,
        "attempt_started": None,
        "metrics": {},
        "history": [],
        "given_up": [],
        "streams": {},
        "offsets": {},
        "tuning_job_arn": tuning_job_arn,
    }
    enter(record, "Starting", now)
    return record


def enter(record: TrainingJob, secondary: str, now: float, message: str | None = None) -> None:
    """Begins a secondary status, ending the one before."""
    if record["secondary"] == secondary:
        return
    if record["transitions"]:
        record["transitions"][-1].setdefault("EndTime", now)
    record["transitions"].append({"Status": secondary, "StartTime": now, "StatusMessage": message or MESSAGES[secondary]})
    record["secondary"] = secondary
    record["modified"] = now


def note(record: TrainingJob, text: str) -> None:
    """Adds a sentence to the message of the secondary status that the job is in, once."""
    transition = record["transitions"][-1]
    if text not in transition["StatusMessage"]:
        transition["StatusMessage"] += f" {text}"


def begin_attempt(record: TrainingJob, now: float) -> None:
    """The container runs from now on: what is billed."""
    record.setdefault("started", now)
    record["attempt"] += 1
    record["attempt_started"] = now


def end_attempt(record: TrainingJob, now: float) -> None:
    """The container has ended."""
    if record["attempt_started"] is not None:
        record["run_seconds"] += max(0.0, now - record["attempt_started"])
        record["attempt_started"] = None


def seconds_run(record: Progress, now: float) -> float:
    """Seconds its containers have run, over all attempts: what MaxRuntimeInSeconds counts."""
    since = record["attempt_started"]
    return record["run_seconds"] + (0.0 if since is None else now - since)


def finish(record: TrainingJob, status: str, now: float, *, secondary: str | None = None, reason: str | None = None) -> None:
    """Ends the job. One that was asked to stop does not end Completed. An ended one stays as it is."""
    if record["status"] not in LIVE:
        return
    if record["status"] == "Stopping" and status == "Completed":
        status = secondary = "Stopped"
    end_attempt(record, now)
    if reason is not None:
        record["failure"] = reason[:FAILURE_LIMIT]
    enter(record, secondary or status, now, record.get("failure") if status == "Failed" else None)
    record["transitions"][-1]["EndTime"] = now
    record["status"] = status
    record["ended"] = now
    record["modified"] = now


def algorithm_error(written: str, code: int, disk: str = "") -> str:
    """FailureReason of a program that failed: the first 1,024 characters it wrote to output/failure, and its exit code.

    `disk`: a sentence about the disk, where that is full, which is why little may have been written.
    """
    end = f", exit code: {code}"
    text = written.strip()[:FAILURE_LIMIT] or disk or "See job logs for more information"
    return f"AlgorithmError: {text}"[: FAILURE_LIMIT - len(end)] + end


UNPROTECTED = {
    ("OutputDataConfig.KmsKeyId", "ResourceConfig.VolumeKmsKeyId"): "nothing is encrypted on this machine",
    ("VpcConfig",): "the containers are on the network that this machine gives them",
    ("EnableInterContainerTrafficEncryption",): "the hosts of a job are on this machine and send each other plain text",
}
"""Members that ask for a protection that is not there, and what is instead."""
WITHOUT_EFFECT = {
    (
        "AlgorithmSpecification.EnableSageMakerMetricsTimeSeries",
    ): "metrics are in FinalMetricDataList and the log, without graphs",
}
"""Other members that a request may have and that change nothing here. The SageMaker SDK sends this one unasked."""


def not_kept(request: Mapping[str, Any], promises: Mapping[tuple[str, ...], str]) -> list[str]:
    """A sentence for each of these promises that a request asks for."""
    found = []
    for members, instead in promises.items():
        if given := [member for member in members if _member(request, member)]:
            found.append(f"{', '.join(given)}: {instead}.")
    return found


def tuned_metric(request: Mapping[str, Any]) -> str | None:
    """The metric by which a tuning job judges this training job; None where there is none. Frameworks get it in quotes."""
    name = request.get("HyperParameters", {}).get(OBJECTIVE)
    return name.removeprefix('"').removesuffix('"') if name else None


def _member(request: Mapping[str, Any], path: str) -> Any:
    """A member by its dotted name; None where there is none."""
    found: Any = request
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


SAME = (
    "TrainingJobName",
    "HyperParameters",
    "AlgorithmSpecification",
    "RoleArn",
    "InputDataConfig",
    "ResourceConfig",
    "CheckpointConfig",
    "DebugHookConfig",
    "TensorBoardOutputConfig",
    "ProfilerConfig",
    "DebugRuleConfigurations",
    "ProfilerRuleConfigurations",
    "Environment",
    "RetryStrategy",
    "VpcConfig",
)
"""Members that Describe gives back as they were sent."""


def describe(record: TrainingJob, model_uri: str) -> dict[str, Any]:
    """The answer of DescribeTrainingJob."""
    request = record["request"]
    answer = {member: request[member] for member in SAME if member in request}
    stopping = request.get("StoppingCondition", {})
    answer |= {
        "OutputDataConfig": {"KmsKeyId": "", **request["OutputDataConfig"]},  # AWS names the key where there is none, too
        "TrainingJobArn": record["arn"],
        "ModelArtifacts": {"S3ModelArtifacts": model_uri},
        "TrainingJobStatus": record["status"],
        "SecondaryStatus": record["secondary"],
        "StoppingCondition": {"MaxRuntimeInSeconds": DEFAULT_MAX_RUNTIME, **stopping},
        "CreationTime": record["created"],
        "LastModifiedTime": record["modified"],
        "SecondaryStatusTransitions": record["transitions"],
        "EnableNetworkIsolation": request.get("EnableNetworkIsolation", False),
        "EnableInterContainerTrafficEncryption": request.get("EnableInterContainerTrafficEncryption", False),
        "EnableManagedSpotTraining": request.get("EnableManagedSpotTraining", False),
    }
    if "ProfilerConfig" in request:
        answer["ProfilingStatus"] = "Disabled" if request["ProfilerConfig"].get("DisableProfiler") else "Enabled"
    if record["metrics"]:
        answer["FinalMetricDataList"] = [
            {"MetricName": name, "Value": value, "Timestamp": at} for name, (value, at) in record["metrics"].items()
        ]
    if record.get("tuning_job_arn"):
        answer["TuningJobArn"] = record["tuning_job_arn"]
    if "failure" in record:
        answer["FailureReason"] = record["failure"]
    if "started" in record:
        answer["TrainingStartTime"] = record["started"]
    if "ended" in record:
        answer["TrainingEndTime"] = record["ended"]
        if "started" in record:
            answer["TrainingTimeInSeconds"] = max(1, math.ceil(record["ended"] - record["started"]))
            answer["BillableTimeInSeconds"] = max(1, math.ceil(record["run_seconds"]))
    return answer
