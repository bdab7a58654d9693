"""The operations on models and endpoint configurations: what is checked, kept and listed. Nothing runs here."""

from collections.abc import Mapping
from typing import Any, TypedDict, TypeVar

from ..containers.config_files import check_environment
from ..context import Context
from ..errors import Exists, validation
from ..protocol import pages, tags
from ..protocol.operation import Operation, Reply, Request
from ..storage.store import Kind, R
from . import endpoint_state
from .fleet import container_of
from .model_data import check_model_data, is_multi_model


class Kept(TypedDict):
    """The record of a model or an endpoint configuration: the request that made it."""

    request: Mapping[str, Any]
    arn: str
    created: float


MODEL: Kind[Kept] = Kind("model")
CONFIG: Kind[Kept] = Kind("endpoint-config")
WORDS = {MODEL: "model", CONFIG: "endpoint configuration", endpoint_state.KIND: "endpoint"}
ENVIRONMENT_BYTES = 32 * 1024
T = TypeVar("T", bound=tags.Resource)


def arn_of(context: Context, kind: str, name: str) -> str:
    """The ARN of a model, an endpoint configuration or an endpoint."""
    return context.arn("sagemaker", f"{kind}/{name}")


def record_of(context: Context, kind: Kind[R], name: str) -> R:
    """The record. Raises ValidationException in SageMaker's words for a missing one."""
    record = context.store.get(kind, name)
    if record is None:
        raise validation(f'Could not find {WORDS[kind]} "{arn_of(context, kind, name)}".')
    return record


def create(context: Context, kind: Kind[T], name: str, record: T, request_tags: list[dict[str, str]]) -> None:
    """Keeps a new record and its tags. Raises ValidationException for a name that is taken."""
    arn = record["arn"]
    try:
        with context.store.transaction():
            context.store.create(kind, name, record)
            tags.keep(context.store, arn, request_tags)
    except Exists:
        raise validation(f'Cannot create already existing {WORDS[kind]} "{arn}".') from None


def create_model(context: Context, request: Request) -> Reply:
    """CreateModel: one container, in PrimaryContainer or as the only one of Containers."""
    containers = request.get("Containers", [])
    if ("PrimaryContainer" in request) == bool(containers):
        raise validation("Give either PrimaryContainer or Containers.")
    if len(containers) > 1:
        raise validation("Containers with more than one container is not supported by the local SageMaker.")
    container = container_of(request)
    if not container.get("Image"):
        raise validation("Image of the container is needed.")
    if "ModelDataUrl" in container and "ModelDataSource" in container:
        raise validation("Give either ModelDataUrl or ModelDataSource.")
    _check_mode(container)
    environment = container.get("Environment", {})
    if sum(len(key) + len(value) for key, value in environment.items()) > ENVIRONMENT_BYTES:
        raise validation(f"Environment of the container is larger than {ENVIRONMENT_BYTES} bytes.")
    check_environment(environment, serves=True)
    check_model_data(context.objects, container)
    return {"ModelArn": _keep(context, MODEL, request["ModelName"], request)}


def _check_mode(container: Mapping[str, Any]) -> None:
    """Raises ValidationException where the members about the model, or models, do not go together."""
    if not is_multi_model(container):
        if "MultiModelConfig" in container:
            raise validation("MultiModelConfig of the container is for Mode MultiModel. Leave it out, or give that Mode.")
    elif "ModelDataSource" in container:
        raise validation(
            "ModelDataSource is not supported with Mode MultiModel. Give ModelDataUrl, the prefix of all models in S3."
        )
    elif not container.get("ModelDataUrl"):
        raise validation("ModelDataUrl of the container is needed with Mode MultiModel: the prefix of all models in S3.")


def _keep(context: Context, kind: Kind[Kept], name: str, request: Request) -> str:
    """Keeps a checked request; returns the ARN."""
    kept = {member: value for member, value in request.items() if member != "Tags"}
    record: Kept = {"request": kept, "arn": arn_of(context, kind, name), "created": context.clock()}
    create(context, kind, name, record, request.get("Tags", []))
    return record["arn"]


def describe_model(context: Context, request: Request) -> Reply:
    """DescribeModel."""
    record = record_of(context, MODEL, request["ModelName"])
    return {"EnableNetworkIsolation": False, **record["request"], "ModelArn": record["arn"], "CreationTime": record["created"]}


def delete_model(context: Context, request: Request) -> Reply:
    """DeleteModel: endpoints made from it go on."""
    return _delete(context, MODEL, request["ModelName"])


def _delete(context: Context, kind: Kind[Kept], name: str) -> Reply:
    record = record_of(context, kind, name)
    context.store.delete(kind, name)
    tags.forget(context.store, record["arn"])
    return {}


def list_models(context: Context, request: Request) -> Reply:
    """ListModels."""
    found, more = pages.listed(context.store.list(MODEL), request, lambda record: record["request"]["ModelName"])
    return {
        "Models": [
            {"ModelName": record["request"]["ModelName"], "ModelArn": record["arn"], "CreationTime": record["created"]}
            for record in found
        ],
        **more,
    }


def create_endpoint_config(context: Context, request: Request) -> Reply:
    """CreateEndpointConfig."""
    names = [variant["VariantName"] for variant in request["ProductionVariants"]]
    if len(set(names)) < len(names):
        raise validation("ProductionVariants have to have names of their own.")
    for variant in request["ProductionVariants"]:
        if "ModelName" not in variant:
            raise validation(f"ModelName of production variant {variant['VariantName']} is needed.")
        if "InstanceType" not in variant or "InitialInstanceCount" not in variant:
            raise validation(f"InstanceType and InitialInstanceCount of production variant {variant['VariantName']} are needed.")
        record_of(context, MODEL, variant["ModelName"])
    return {"EndpointConfigArn": _keep(context, CONFIG, request["EndpointConfigName"], request)}


def describe_endpoint_config(context: Context, request: Request) -> Reply:
    """DescribeEndpointConfig."""
    record = record_of(context, CONFIG, request["EndpointConfigName"])
    variants = [{"InitialVariantWeight": 1.0, **variant} for variant in record["request"]["ProductionVariants"]]
    return {
        "EndpointConfigName": record["request"]["EndpointConfigName"],
        "EndpointConfigArn": record["arn"],
        "ProductionVariants": variants,
        "CreationTime": record["created"],
        "EnableNetworkIsolation": False,
    }


def delete_endpoint_config(context: Context, request: Request) -> Reply:
    """DeleteEndpointConfig: endpoints made from it go on."""
    return _delete(context, CONFIG, request["EndpointConfigName"])


def list_endpoint_configs(context: Context, request: Request) -> Reply:
    """ListEndpointConfigs."""
    found, more = pages.listed(context.store.list(CONFIG), request, lambda record: record["request"]["EndpointConfigName"])
    return {
        "EndpointConfigs": [
            {
                "EndpointConfigName": record["request"]["EndpointConfigName"],
                "EndpointConfigArn": record["arn"],
                "CreationTime": record["created"],
            }
            for record in found
        ],
        **more,
    }


LIST_MEMBERS = "SortBy SortOrder NextToken MaxResults NameContains CreationTimeBefore CreationTimeAfter"
_CONTAINER = ["Image", "Mode", "ModelDataUrl", "Environment", "ContainerHostname", "MultiModelConfig"] + [
    f"ModelDataSource.S3DataSource.{name}" for name in ("S3Uri", "S3DataType", "CompressionType")
]
_VARIANT = """
VariantName ModelName InitialInstanceCount InstanceType InitialVariantWeight ContainerStartupHealthCheckTimeoutInSeconds
ModelDataDownloadTimeoutInSeconds VolumeSizeInGB
"""

OPERATIONS = {
    "CreateModel": Operation(
        create_model,
        " ".join(
            ["ModelName ExecutionRoleArn Tags EnableNetworkIsolation"]
            + [f"{member}.{name}" for member in ("PrimaryContainer", "Containers") for name in _CONTAINER]
        ),
    ),
    "DescribeModel": Operation(describe_model, "ModelName"),
    "DeleteModel": Operation(delete_model, "ModelName"),
    "ListModels": Operation(list_models, LIST_MEMBERS),
    "CreateEndpointConfig": Operation(
        create_endpoint_config,
        " ".join(["EndpointConfigName Tags", *(f"ProductionVariants.{name}" for name in _VARIANT.split())]),
    ),
    "DescribeEndpointConfig": Operation(describe_endpoint_config, "EndpointConfigName"),
    "DeleteEndpointConfig": Operation(delete_endpoint_config, "EndpointConfigName"),
    "ListEndpointConfigs": Operation(list_endpoint_configs, LIST_MEMBERS),
}
