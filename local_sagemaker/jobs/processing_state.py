"""The record of a processing job: its statuses, their allowed order, and what Describe makes of them. Pure; no I/O.

InProgress -> Completed | Failed | Stopping | Stopped      Stopping -> Stopped | Failed
"""

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

from ..storage.store import Kind


class ProcessingJob(TypedDict):
    """The record of a processing job. `stream` and `offset` are of its log: its name, and how far it was read.

    `training_job_arn`: the job whose rule it evaluates. `ending`: the status that it is being ended with, and the reason.
    """

    request: Mapping[str, Any]
    arn: str
    created: float
    modified: float
    status: str
    started: NotRequired[float]
    ended: NotRequired[float]
    failure: NotRequired[str]
    message: NotRequired[str]
    stream: str
    offset: int
    training_job_arn: str | None
    ending: NotRequired[tuple[str, str]]


KIND: Kind[ProcessingJob] = Kind("processing-job")

MESSAGE_LIMIT = 1024
DEFAULT_MAX_RUNTIME = 86400
LIVE = ("InProgress", "Stopping")


def new(request: Mapping[str, Any], arn: str, now: float, training_job_arn: str | None = None) -> ProcessingJob:
    """The record of a job that was just asked for. `training_job_arn`: the job whose rule it evaluates."""
    return {
        "request": request,
        "arn": arn,
        "created": now,
        "modified": now,
        "status": "InProgress",
        "stream": "",
        "offset": 0,
        "training_job_arn": training_job_arn,
    }


def begin(record: ProcessingJob, now: float) -> None:
    """The container is started now; its log goes to a stream of its own."""
    record["started"] = now
    record["stream"] = f"{record['request']['ProcessingJobName']}/algo-1-{int(now)}"
    record["offset"] = 0


def finish(record: ProcessingJob, status: str, now: float, *, reason: str | None = None, message: str = "") -> None:
    """Ends the job. One that was asked to stop does not end Completed. An ended one stays as it is."""
    if record["status"] not in LIVE:
        return
    if record["status"] == "Stopping" and status != "Failed":
        status = "Stopped"
    record["status"] = status
    record["ended"] = now
    if reason:
        record["failure"] = reason[:MESSAGE_LIMIT]
    if message:
        record["message"] = message[:MESSAGE_LIMIT]


SAME = (
    "ProcessingInputs",
    "ProcessingOutputConfig",
    "ProcessingJobName",
    "ProcessingResources",
    "AppSpecification",
    "Environment",
    "NetworkConfig",
    "RoleArn",
)
"""Members that Describe gives back as they were sent."""


def describe(record: ProcessingJob) -> dict[str, Any]:
    """The answer of DescribeProcessingJob."""
    request = record["request"]
    found = {
        "ProcessingStartTime": record.get("started"),
        "ProcessingEndTime": record.get("ended"),
        "FailureReason": record.get("failure"),
        "ExitMessage": record.get("message"),
        "TrainingJobArn": record["training_job_arn"],
    }
    return {
        **{member: request[member] for member in SAME if member in request},
        "StoppingCondition": {"MaxRuntimeInSeconds": DEFAULT_MAX_RUNTIME, **request.get("StoppingCondition", {})},
        "ProcessingJobArn": record["arn"],
        "ProcessingJobStatus": record["status"],
        "CreationTime": record["created"],
        "LastModifiedTime": record["modified"],
        **{member: value for member, value in found.items() if value},
    }


def summary(record: ProcessingJob) -> dict[str, Any]:
    """The same in a list."""
    times = ("CreationTime", "LastModifiedTime", "ProcessingEndTime")
    shown = ("ProcessingJobArn", "ProcessingJobStatus", "ProcessingJobName", "FailureReason", "ExitMessage", *times)
    return {member: value for member, value in describe(record).items() if member in shown}
