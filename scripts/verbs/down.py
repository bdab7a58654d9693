"""`kennel down`: removes the endpoint, its config and its model. Removing what is gone is no error."""

import time

from botocore.exceptions import ClientError

from scripts.aws.api import Target, connect
from scripts.aws.calls import Call
from scripts.cli.terminal import Terminal
from scripts.cli.verb_config import DownConfig
from scripts.errors import RunError
from scripts.files import state

GONE_SECONDS = 300.0


def plan(config: DownConfig) -> list[Call]:
    """The requests, as far as names are remembered; others are asked of the endpoint itself."""
    calls = [
        Call("sagemaker", "DescribeEndpoint", {"EndpointName": config.endpoint}),
        Call("sagemaker", "DeleteEndpoint", {"EndpointName": config.endpoint}),
    ]
    if config.config:
        calls.append(Call("sagemaker", "DeleteEndpointConfig", {"EndpointConfigName": config.config}))
    if config.model:
        calls.append(Call("sagemaker", "DeleteModel", {"ModelName": config.model}))
    return calls


def run(config: DownConfig, output: Terminal) -> int:
    remove(connect(config.settings), config, output)
    output.next(config.settings, ("status", "what still runs"), ("deploy", "another endpoint"))
    return 0


def remove(target: Target, config: DownConfig, output: Terminal) -> None:
    """Endpoint first, as it is what costs; then the configs and models that were its own."""
    configs = {config.config} if config.config else set()
    found = target.find("sagemaker", "DescribeEndpoint", EndpointName=config.endpoint)
    if found:
        configs.add(found["EndpointConfigName"])
        remove_endpoint(target, config.endpoint)
        output.line(f"removed Endpoint {config.endpoint}")
    else:
        output.line(f"Endpoint {config.endpoint} was not there")
    models = {name for config in configs for name in remove_config(target, config, output)}
    if config.model and config.model not in models:
        _remove_model(target, config.model, output)
    with state.changing(config.settings.state) as remembered:
        if remembered.get("endpoint") == config.endpoint:
            remembered.pop("endpoint", None)
            remembered.pop("endpoint_config", None)
            remembered.pop("model", None)


def remove_config(target: Target, name: str, output: Terminal) -> list[str]:
    """Remove an endpoint config and the models it names; returns their names."""
    found = target.find("sagemaker", "DescribeEndpointConfig", EndpointConfigName=name)
    if not found:
        return []
    target.find("sagemaker", "DeleteEndpointConfig", EndpointConfigName=name)
    output.line(f"removed EndpointConfig {name}")
    models = [variant["ModelName"] for variant in found["ProductionVariants"]]
    for model in models:
        _remove_model(target, model, output)
    return models


def _remove_model(target: Target, name: str, output: Terminal) -> None:
    if target.find("sagemaker", "DescribeModel", ModelName=name):
        target.find("sagemaker", "DeleteModel", ModelName=name)
        output.line(f"removed Model {name}")


def remove_endpoint(target: Target, endpoint: str) -> None:
    """Returns when it is gone. Raises RunError when it is still there after five minutes."""
    try:
        target.find("sagemaker", "DeleteEndpoint", EndpointName=endpoint)
    except ClientError:
        # Refused, as it should be, when a first request that got no answer has begun it.
        found = target.find("sagemaker", "DescribeEndpoint", EndpointName=endpoint)
        if found and found["EndpointStatus"] != "Deleting":
            raise
    limit = time.monotonic() + GONE_SECONDS
    while target.find("sagemaker", "DescribeEndpoint", EndpointName=endpoint):
        if time.monotonic() > limit:
            raise RunError(f"endpoint {endpoint}: still there after {GONE_SECONDS:.0f} s; run kennel down again")
        time.sleep(target.poll)
