"""AWS's API models, from botocore: which services this server knows, and their operations and shapes."""

import functools
from collections.abc import Iterator

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel

JSON_SERVICES = ("sagemaker", "logs", "ecr", "application-autoscaling")
QUERY_SERVICES = ("iam", "sts")
REST_SERVICES = ("s3", "sagemaker-runtime")

_loader = Loader(include_default_search_paths=False, extra_search_paths=[Loader.BUILTIN_DATA_PATH])


@functools.cache
def service_model(service: str) -> ServiceModel:
    """The model of a service by botocore's name for it; parsed once."""
    return ServiceModel(_loader.load_service_model(service, "service-2"), service)


@functools.cache
def operation_model(service: str, operation: str) -> OperationModel:
    """The model of an operation. Raises LookupError when AWS has no such operation; find_operation_model asks first."""
    model = service_model(service)
    if operation not in model.operation_names:
        raise LookupError(f"{service} has no operation {operation}")
    return model.operation_model(operation)


def find_operation_model(service: str, operation: str) -> OperationModel | None:
    """The model of an operation that a client names, or None when AWS has no such operation."""
    try:
        return operation_model(service, operation)
    except LookupError:
        return None


def signing_name(service: str) -> str:
    """The service's name in the credential scope of a signature. Empty for a service that this server does not have."""
    if service not in (*JSON_SERVICES, *QUERY_SERVICES, *REST_SERVICES):
        return ""
    metadata = service_model(service).metadata
    return metadata.get("signingName") or metadata["endpointPrefix"]


@functools.cache
def json_targets() -> dict[str, str]:
    """The X-Amz-Target prefix of each JSON service, with the service."""
    return {service_model(service).metadata["targetPrefix"]: service for service in JSON_SERVICES}


def warm() -> None:
    """Reads every model, so that no request waits for it."""
    for service in (*JSON_SERVICES, *QUERY_SERVICES, *REST_SERVICES):
        service_model(service)
    json_targets()


def error_status(service: str, code: str) -> int | None:
    """The HTTP status that a service's model gives an error code, or None."""
    return _statuses(service).get(code)


@functools.cache
def _statuses(service: str) -> dict[str, int]:
    return dict(_error_shapes(service))


def _error_shapes(service: str) -> Iterator[tuple[str, int]]:
    model = service_model(service)
    for shape in model.error_shapes:
        status = shape.metadata.get("error", {}).get("httpStatusCode")
        if status:
            yield shape.error_code, status
