"""The record of an endpoint and what Describe makes of it. Pure; no I/O.

Creating -> InService | Failed             InService -> Updating | SystemUpdating | Deleting
Updating -> InService | RollingBack        RollingBack -> InService
SystemUpdating -> InService | Failed       Failed -> Deleting
"""

from collections.abc import Mapping
from typing import Any

KIND = "endpoint"
Record = dict[str, Any]
BUSY = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")
FAILURE_LIMIT = 1024


def new(name: str, arn: str, plan: Mapping[str, Any], deployment: Mapping[str, Any] | None, now: float) -> Record:
    """The record of an endpoint that was just asked for. `blue` is the fleet that serves, `green` the one to come."""
    return {
        "name": name,
        "arn": arn,
        "created": now,
        "modified": now,
        "status": "Creating",
        "blue": plan,
        "green": None,
        "deployment": deployment,
        "last_deployment": deployment,
    }


def set_status(record: Record, status: str, now: float, reason: str | None = None) -> None:
    """Changes the status. A reason is kept until the next change that starts something."""
    record["status"] = status
    record["modified"] = now
    if reason is not None:
        record["failure"] = reason[:FAILURE_LIMIT]
    elif status in ("Creating", "Updating"):
        record.pop("failure", None)


def traffic_steps(deployment: Mapping[str, Any] | None, instances: int) -> list[float]:
    """The shares of traffic the green fleet gets, step by step; the last is always 1.0."""
    routing = (deployment or {}).get("BlueGreenUpdatePolicy", {}).get("TrafficRoutingConfiguration", {"Type": "ALL_AT_ONCE"})
    if routing["Type"] == "ALL_AT_ONCE":
        return [1.0]
    size = routing["CanarySize" if routing["Type"] == "CANARY" else "LinearStepSize"]
    share = size["Value"] / (100.0 if size["Type"] == "CAPACITY_PERCENT" else max(1, instances))
    if routing["Type"] == "CANARY":
        return [min(share, 1.0), 1.0] if share < 1.0 else [1.0]
    steps = [share]
    while steps[-1] < 1.0 - 1e-9:
        steps.append(min(1.0, steps[-1] + share))
    return steps


def describe(record: Mapping[str, Any]) -> Record:
    """The answer of DescribeEndpoint."""
    answer: Record = {
        "EndpointName": record["name"],
        "EndpointArn": record["arn"],
        "EndpointConfigName": record["blue"]["config"],
        "EndpointStatus": record["status"],
        "CreationTime": record["created"],
        "LastModifiedTime": record["modified"],
    }
    if record["status"] != "Creating":
        answer["ProductionVariants"] = [_variant(variant) for variant in record["blue"]["variants"]]
    if record["green"] is not None:
        answer["PendingDeploymentSummary"] = {
            "EndpointConfigName": record["green"]["config"],
            "ProductionVariants": [_variant(variant) for variant in record["green"]["variants"]],
        }
    if record.get("last_deployment"):
        answer["LastDeploymentConfig"] = record["last_deployment"]
    if "failure" in record:
        answer["FailureReason"] = record["failure"]
    return answer


def _variant(variant: Mapping[str, Any]) -> Record:
    return {
        "VariantName": variant["name"],
        "DeployedImages": [{"SpecifiedImage": variant["container"]["Image"], "ResolvedImage": variant["container"]["Image"]}],
        "CurrentWeight": variant["weight"],
        "DesiredWeight": variant["weight"],
        "CurrentInstanceCount": len(variant["instances"]),
        "DesiredInstanceCount": variant["count"],
    }
