"""The record of a processing job: its statuses, their allowed order, and what Describe makes of them. Pure; no I/O.

InProgress -> Completed | Failed | Stopping | Stopped      Stopping -> Stopped | Failed
"""

from collections.abc import Mapping
from typing import Any

KIND = "processing-job"
Record = dict[str, Any]

MESSAGE_LIMIT = 1024
DEFAULT_MAX_RUNTIME = 86400
LIVE = ("InProgress", "Stopping")


def new(request: Mapping[str, Any], arn: str, now: float, training_job_arn: str | None = None) -> Record:
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


def begin(record: Record, now: float) -> None:
    """The container is started now; its log goes to a stream of its own."""
    record["started"] = now
    record["stream"] = f"{record['request']['ProcessingJobName']}/algo-1-{int(now)}"
    record["offset"] = 0


def finish(record: Record, status: str, now: float, *, reason: str | None = None, message: str = "") -> None:
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
_TIMES = {"started": "ProcessingStartTime", "ended": "ProcessingEndTime"}
_WORDS = {"failure": "FailureReason", "message": "ExitMessage", "training_job_arn": "TrainingJobArn"}


def describe(record: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of DescribeProcessingJob."""
    request = record["request"]
    return {
        **{member: request[member] for member in SAME if member in request},
        "StoppingCondition": {"MaxRuntimeInSeconds": DEFAULT_MAX_RUNTIME, **request.get("StoppingCondition", {})},
        "ProcessingJobArn": record["arn"],
        "ProcessingJobStatus": record["status"],
        "CreationTime": record["created"],
        "LastModifiedTime": record["modified"],
        **{member: record[key] for key, member in {**_TIMES, **_WORDS}.items() if record.get(key)},
    }


def summary(record: Mapping[str, Any]) -> dict[str, Any]:
    """The same in a list."""
    times = ("CreationTime", "LastModifiedTime", "ProcessingEndTime")
    shown = ("ProcessingJobArn", "ProcessingJobStatus", "ProcessingJobName", "FailureReason", "ExitMessage", *times)
    return {member: value for member, value in describe(record).items() if member in shown}
