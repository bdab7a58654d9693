"""The record of a transform job: its statuses, their allowed order, and what Describe makes of them. Pure; no I/O.

InProgress -> Completed | Failed | Stopping | Stopped      Stopping -> Stopped | Failed
"""

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

from ..endpoints.endpoint_state import InstanceState
from ..storage.store import Kind


class TransformJob(TypedDict):
    """The record of a transform job. `model`: the CreateModel request as it was when the job was asked for.

    `told`: what the container answered to /execution-parameters, once it has.
    """

    request: Mapping[str, Any]
    model: Mapping[str, Any]
    arn: str
    created: float
    modified: float
    status: str
    started: NotRequired[float]
    ended: NotRequired[float]
    failure: NotRequired[str]
    instances: list[InstanceState]
    told: NotRequired[dict[str, Any]]


KIND: Kind[TransformJob] = Kind("transform-job")

FAILURE_LIMIT = 1024
LIVE = ("InProgress", "Stopping")
UNPROTECTED: Mapping[tuple[str, ...], str] = {
    ("TransformOutput.KmsKeyId", "TransformResources.VolumeKmsKeyId"): "nothing is encrypted on this machine",
}
"""Members that ask for a protection that is not there, and what is instead."""


def new(request: Mapping[str, Any], model: Mapping[str, Any], arn: str, now: float) -> TransformJob:
    """The record of a job that was just asked for."""
    return {
        "request": request,
        "model": model,
        "arn": arn,
        "created": now,
        "modified": now,
        "status": "InProgress",
        "instances": [],
    }


def begin(record: TransformJob, now: float, instances: list[InstanceState]) -> None:
    """The containers are started now, or anew by the next server."""
    record.setdefault("started", now)
    record["instances"] = instances


def finish(record: TransformJob, status: str, now: float, reason: str = "") -> None:
    """Ends the job. One that was asked to stop does not end Completed. An ended one stays as it is."""
    if record["status"] not in LIVE:
        return
    if record["status"] == "Stopping" and status != "Failed":
        status = "Stopped"
    record["status"] = status
    record["ended"] = now
    if reason:
        record["failure"] = reason[:FAILURE_LIMIT]


SAME = (
    "TransformJobName",
    "ModelName",
    "MaxConcurrentTransforms",
    "ModelClientConfig",
    "MaxPayloadInMB",
    "BatchStrategy",
    "Environment",
    "TransformResources",
)
"""Members that Describe gives back as they were sent."""


def describe(record: TransformJob) -> dict[str, Any]:
    """The answer of DescribeTransformJob."""
    request = record["request"]
    found = {
        "TransformStartTime": record.get("started"),
        "TransformEndTime": record.get("ended"),
        "FailureReason": record.get("failure"),
    }
    return {
        **{member: request[member] for member in SAME if member in request},
        "TransformInput": {"CompressionType": "None", "SplitType": "None", **request["TransformInput"]},
        "TransformOutput": {"AssembleWith": "None", "KmsKeyId": "", **request["TransformOutput"]},
        "DataProcessing": {"InputFilter": "$", "OutputFilter": "$", "JoinSource": "None", **request.get("DataProcessing", {})},
        "TransformJobArn": record["arn"],
        "TransformJobStatus": record["status"],
        "CreationTime": record["created"],
        **{member: value for member, value in found.items() if value},
    }


def summary(record: TransformJob) -> dict[str, Any]:
    """The same in a list."""
    shown = ("TransformJobName", "TransformJobArn", "TransformJobStatus", "CreationTime", "TransformEndTime", "FailureReason")
    about = {member: value for member, value in describe(record).items() if member in shown}
    return {**about, "LastModifiedTime": record["modified"]}
