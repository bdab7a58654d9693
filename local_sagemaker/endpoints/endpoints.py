"""The operations on endpoints: what is checked and recorded. Running one is endpoint_run.py; invoking one is invocation.py."""

from collections.abc import Callable, Mapping
from typing import Any

from ..context import Context, Platform
from ..errors import Missing, validation
from ..protocol import pages, tags
from ..protocol.operation import Operation, Reply, Request
from . import endpoint_state
from .endpoint_state import BUSY, KIND, Capacity, Endpoint, Plan
from .fleet import make_plan
from .models_and_configs import CONFIG, LIST_MEMBERS, MODEL, arn_of, create, record_of


def _plan(context: Context, config_name: str) -> Plan:
    config = record_of(context, CONFIG, config_name)["request"]
    names = {variant["ModelName"] for variant in config["ProductionVariants"]}
    return make_plan(config, {name: record_of(context, MODEL, name)["request"] for name in names})


def _check_deployment(deployment: Mapping[str, Any] | None, instances: int) -> None:
    routing = (deployment or {}).get("BlueGreenUpdatePolicy", {}).get("TrafficRoutingConfiguration")
    if routing is None or routing["Type"] == "ALL_AT_ONCE":
        return
    member = "CanarySize" if routing["Type"] == "CANARY" else "LinearStepSize"
    if member not in routing:
        raise validation(f"TrafficRoutingConfiguration of Type {routing['Type']} needs {member}.")
    size = routing[member]
    most = 50 if size["Type"] == "CAPACITY_PERCENT" else max(1, instances // 2)
    if size["Value"] > most:
        raise validation(f"{member} {size['Value']} is more than half of the capacity: at most {most}.")


def create_endpoint(platform: Platform, request: Request) -> Reply:
    """CreateEndpoint: recorded as Creating; its thread does the rest."""
    name = request["EndpointName"]
    plan = _plan(platform, request["EndpointConfigName"])
    deployment = request.get("DeploymentConfig")
    _check_deployment(deployment, sum(variant["count"] for variant in plan["variants"]))
    record = endpoint_state.new(name, arn_of(platform, KIND, name), plan, deployment, platform.clock())
    create(platform, KIND, name, record, request.get("Tags", []))
    platform.endpoints.begin(name)
    return {"EndpointArn": record["arn"]}


def describe_endpoint(context: Context, request: Request) -> Reply:
    """DescribeEndpoint."""
    return endpoint_state.describe(record_of(context, KIND, request["EndpointName"]))


def _change(platform: Platform, name: str, change: Callable[[Endpoint], None]) -> Endpoint:
    """Changes the record of an endpoint in whose life nothing goes on. Raises ValidationException where something does."""
    record = record_of(platform, KIND, name)

    def checked(record: Endpoint) -> None:
        if record["status"] in BUSY:
            raise validation(f'Cannot update in-progress endpoint "{record["arn"]}".')
        change(record)

    try:
        changed = platform.store.update(KIND, name, checked)
    except Missing:
        raise validation(f'Could not find endpoint "{record["arn"]}".') from None
    platform.endpoints.wake(name)
    return changed


def update_endpoint(platform: Platform, request: Request) -> Reply:
    """UpdateEndpoint: the new fleet is started beside the old one."""
    plan = _plan(platform, request["EndpointConfigName"])
    deployment = request.get("DeploymentConfig")
    _check_deployment(deployment, sum(variant["count"] for variant in plan["variants"]))

    def change(record: Endpoint) -> None:
        if record["status"] == "Failed":
            raise validation(f'Cannot update endpoint "{record["arn"]}" in status Failed. Delete it and create it anew.')
        kept = record["last_deployment"] if request.get("RetainDeploymentConfig") else None
        record["deployment"] = record["last_deployment"] = deployment or kept
        record["green"] = plan
        endpoint_state.set_status(record, "Updating", platform.clock())

    return {"EndpointArn": _change(platform, request["EndpointName"], change)["arn"]}


def update_weights_and_capacities(platform: Platform, request: Request) -> Reply:
    """UpdateEndpointWeightsAndCapacities."""

    def change(record: Endpoint) -> None:
        names = {variant["name"] for variant in record["blue"]["variants"]}
        if record["status"] == "Failed":
            raise validation(f'Cannot update endpoint "{record["arn"]}" in status Failed.')
        wanted: dict[str, Capacity] = {}
        for desired in request["DesiredWeightsAndCapacities"]:
            if desired["VariantName"] not in names:
                raise validation(f'The variant name(s) "{desired["VariantName"]}" is/are not present within endpoint.')
            if desired.get("DesiredInstanceCount", 1) < 1:
                raise validation("DesiredInstanceCount has to be at least 1.")
            capacity = wanted[desired["VariantName"]] = Capacity()
            if "DesiredWeight" in desired:
                capacity["weight"] = desired["DesiredWeight"]
            if "DesiredInstanceCount" in desired:
                capacity["count"] = desired["DesiredInstanceCount"]
        record["wanted"] = wanted
        endpoint_state.set_status(record, "Updating", platform.clock())

    return {"EndpointArn": _change(platform, request["EndpointName"], change)["arn"]}


def delete_endpoint(platform: Platform, request: Request) -> Reply:
    """DeleteEndpoint: not while something goes on, as on AWS."""
    record = _change(
        platform, request["EndpointName"], lambda record: endpoint_state.set_status(record, "Deleting", platform.clock())
    )
    tags.forget(platform.store, record["arn"])
    return {}


def list_endpoints(context: Context, request: Request) -> Reply:
    """ListEndpoints."""
    found, more = pages.listed(context.store.list(KIND), request, lambda record: record["name"])
    return {
        "Endpoints": [
            {
                "EndpointName": record["name"],
                "EndpointArn": record["arn"],
                "CreationTime": record["created"],
                "LastModifiedTime": record["modified"],
                "EndpointStatus": record["status"],
            }
            for record in found
        ],
        **more,
    }


_DEPLOYMENT = "DeploymentConfig.BlueGreenUpdatePolicy DeploymentConfig.AutoRollbackConfiguration"

OPERATIONS = {
    "CreateEndpoint": Operation(create_endpoint, f"EndpointName EndpointConfigName Tags {_DEPLOYMENT}"),
    "DescribeEndpoint": Operation(describe_endpoint, "EndpointName"),
    "UpdateEndpoint": Operation(update_endpoint, f"EndpointName EndpointConfigName RetainDeploymentConfig {_DEPLOYMENT}"),
    "UpdateEndpointWeightsAndCapacities": Operation(
        update_weights_and_capacities,
        "EndpointName DesiredWeightsAndCapacities.VariantName DesiredWeightsAndCapacities.DesiredWeight"
        " DesiredWeightsAndCapacities.DesiredInstanceCount",
    ),
    "DeleteEndpoint": Operation(delete_endpoint, "EndpointName"),
    "ListEndpoints": Operation(list_endpoints, f"{LIST_MEMBERS} StatusEquals LastModifiedTimeBefore LastModifiedTimeAfter"),
}
