"""The record of an endpoint and what Describe makes of it. Pure; no I/O.

Creating -> InService | Failed             InService -> Updating | SystemUpdating | Deleting
Updating -> InService | RollingBack        RollingBack -> InService
SystemUpdating -> InService | Failed       Failed -> Deleting
"""

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

from ..storage.store import Kind


class InstanceState(TypedDict):
    """What is kept of an instance: its id, the stream of its log, and how far that was read."""

    id: str
    stream: str
    offset: int


class Variant(TypedDict):
    """A production variant with its model as it was when the fleet was made. `timeout`: seconds until it has to be healthy."""

    name: str
    weight: float
    count: int
    instance_type: str | None
    timeout: float
    role: str | None
    container: Mapping[str, Any]
    isolated: bool
    instances: list[InstanceState]


class Plan(TypedDict):
    """A fleet: the endpoint configuration that it is made from, and its variants."""

    id: str
    config: str
    variants: list[Variant]


class Capacity(TypedDict, total=False):
    """What UpdateEndpointWeightsAndCapacities asks for one variant."""

    weight: float
    count: int


class Endpoint(TypedDict):
    """The record of an endpoint. `blue` is the fleet that serves, `green` the one to come. `wanted` is by variants' names.

    `deployment` and `last_deployment` are DeploymentConfigs: of the update that goes on, and to be retained by the next.
    """

    name: str
    arn: str
    created: float
    modified: float
    status: str
    failure: NotRequired[str]
    blue: Plan
    green: Plan | None
    deployment: Mapping[str, Any] | None
    last_deployment: Mapping[str, Any] | None
    wanted: NotRequired[dict[str, Capacity]]


KIND: Kind[Endpoint] = Kind("endpoint")
BUSY = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")
FAILURE_LIMIT = 1024


def new(name: str, arn: str, plan: Plan, deployment: Mapping[str, Any] | None, now: float) -> Endpoint:
    """The record of an endpoint that was just asked for."""
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


def set_status(record: Endpoint, status: str, now: float, reason: str | None = None) -> None:
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


def describe(record: Endpoint) -> dict[str, Any]:
    """The answer of DescribeEndpoint."""
    answer: dict[str, Any] = {
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


def _variant(variant: Variant) -> dict[str, Any]:
    return {
        "VariantName": variant["name"],
        "DeployedImages": [{"SpecifiedImage": variant["container"]["Image"], "ResolvedImage": variant["container"]["Image"]}],
        "CurrentWeight": variant["weight"],
        "DesiredWeight": variant["weight"],
        "CurrentInstanceCount": len(variant["instances"]),
        "DesiredInstanceCount": variant["count"],
    }
