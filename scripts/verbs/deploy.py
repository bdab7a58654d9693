"""`kennel deploy`: model, endpoint config and endpoint; what a failed deploy made is taken away again.

An endpoint that is there goes over to the new model without a pause, and keeps the old one when the new one never starts.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from scripts.aws import model_file, uploads, waiting
from scripts.aws.api import Target, connect, is_taken
from scripts.aws.api_requests import create_endpoint, update_endpoint
from scripts.aws.calls import Call
from scripts.aws.job_config import DeployConfig
from scripts.aws.settings import kennel_command
from scripts.cli.terminal import Terminal
from scripts.errors import LaunchError, LeftRunning, RunError
from scripts.files import model_code, state
from scripts.images import catalog
from scripts.verbs import down

_UNDO = {
    "CreateModel": ("DeleteModel", "ModelName"),
    "CreateEndpointConfig": ("DeleteEndpointConfig", "EndpointConfigName"),
    "CreateEndpoint": ("DeleteEndpoint", "EndpointName"),
}


def plan(config: DeployConfig) -> list[Call]:
    """For an endpoint that is not there yet: a dry run asks nobody."""
    if config.code is None:
        return [*(uploads.plan(config.settings, *_upload(config)) if config.model else ()), *create_endpoint(config)]
    prefix, _ = _upload(config)
    put = uploads.put(config.settings, prefix + model_file.NAME, b"<the model with your code in it>")
    return [*_fetch(config), uploads.listing(config.settings, prefix), put, *create_endpoint(config)]


def run(config: DeployConfig, output: Terminal) -> int:
    deploy(connect(config.settings), config, output)
    if not config.detach:
        output.next(config.settings, ("invoke PICTURE", "ask it about a picture"), ("down", "remove it"))
    return 0


def deploy(target: Target, config: DeployConfig, output: Terminal) -> None:
    """Make the endpoint and wait until it serves. Raises RunError with the reason; nothing of this run is left then."""
    settings = config.settings
    _check_job(target, config)
    catalog.check(target, settings, config.image)
    there = target.find("sagemaker", "DescribeEndpoint", EndpointName=config.endpoint)
    if there and _serves(target, there, config):
        output.line(f"endpoint {config.endpoint} has this model already ({there['EndpointStatus']})")
        _wait(target, config, output)
        return
    if there and there["EndpointStatus"] == "Failed":
        raise LaunchError(
            f"endpoint {config.endpoint} is Failed; remove it with {kennel_command('down', settings)}, then deploy again"
        )
    if _model(config):
        _make_file(target, config, output)
        uploads.upload(target, settings, *_upload(config), output)
    calls = create_endpoint(config)
    if there:
        calls[-1] = update_endpoint(config)
    made: list[Call] = []
    before = state.read(settings.state)
    # Written down first: whatever happens to this program, `kennel down` knows what to remove.
    mine: state.LaunchState = {"endpoint": config.endpoint, "endpoint_config": config.name, "model": config.name}
    state.remember(settings.state, mine)
    try:
        for call in calls:
            made.append(call)
            _make(target, call)
        output.line(f"endpoint {config.endpoint} {'goes over to' if there else 'starts with'} {config.model_data}")
        if config.detach:
            output.next(settings, ("status", "see whether it serves"), ("down", "remove it"))
            return
        found = _wait(target, config, output)
        if found["EndpointConfigName"] != config.name:
            reason = found.get("FailureReason") or "the new fleet never got healthy"
            raise RunError(f"endpoint {config.endpoint} went back to the model it had: {reason}")
    except LeftRunning:
        raise
    except (LaunchError, ClientError, BotoCoreError, KeyboardInterrupt):
        if _sweep(target, config, made, output):
            state.put_back(settings.state, mine, before)
        raise
    if there:
        down.remove_config(target, there["EndpointConfigName"], output)


def _model(config: DeployConfig) -> Path | None:
    """The file that is uploaded as the model; None for a model that lies in S3 as it is."""
    if config.code is None:
        return config.model
    return config.settings.home / "models" / config.model_data.split("/")[-2] / model_file.NAME


def _upload(config: DeployConfig) -> tuple[str, dict[str, Path]]:
    file = _model(config)
    assert file is not None
    return model_file.to_upload(config.settings, config.model_data, file)


def _fetch(config: DeployConfig) -> list[Call]:
    """The request for the model that a person's code is put into."""
    if not config.source:
        return []
    bucket, _, key = config.source.removeprefix("s3://").partition("/")
    return [Call("s3", "GetObject", {"Bucket": bucket, "Key": key})]


def _make_file(target: Target, config: DeployConfig, output: Terminal) -> None:
    """Puts a person's code into the model, where there is some."""
    made = _model(config)
    if config.code is None or made is None:
        return
    made.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fetched-", dir=made.parent) as folder:
        model = config.model
        for call in _fetch(config):
            model = Path(folder) / model_file.NAME
            try:
                body = target.send(call)["Body"]
            except ClientError as error:
                if error.response["Error"]["Code"] not in ("NoSuchKey", "NoSuchBucket"):
                    raise
                raise LaunchError(f"{config.source}: no such model; kennel status lists the jobs that have one") from None
            with model.open("wb") as file:
                shutil.copyfileobj(body, file, 1 << 20)
        assert model is not None
        model_code.repack(model, config.code, made)
    left = f"; left out: {config.code.left_out}" if config.code.left_out else ""
    output.line(f"code   {len(config.code.files):,} file{'s' * (len(config.code.files) > 1)} put into the model{left}")


def _check_job(target: Target, config: DeployConfig) -> None:
    """A model of a job that has not ended well does not exist: say so before anything is made."""
    if config.job is None:
        return
    found = target.find("sagemaker", "DescribeTrainingJob", TrainingJobName=config.job)
    if found is None:
        raise LaunchError(f"--job {config.job}: no training job of this name; kennel status lists them")
    if found["TrainingJobStatus"] not in ("Completed", "Stopped"):
        raise LaunchError(f"--job {config.job}: is {found['TrainingJobStatus']} and has no model; see kennel logs {config.job}")


def _serves(target: Target, there: dict[str, Any], config: DeployConfig) -> bool:
    """Whether the endpoint serves, or will serve, just what is asked for."""
    if there["EndpointStatus"] not in ("InService", "Creating", "Updating"):
        return False
    fleet = target.find("sagemaker", "DescribeEndpointConfig", EndpointConfigName=there["EndpointConfigName"])
    if fleet is None or len(fleet["ProductionVariants"]) != 1:
        return False
    variant = fleet["ProductionVariants"][0]
    model = target.find("sagemaker", "DescribeModel", ModelName=variant["ModelName"])
    wanted = (config.model_data, config.image, config.settings.serve_instance, config.instances)
    container = (model or {}).get("PrimaryContainer", {})
    has = (container.get("ModelDataUrl"), container.get("Image"), variant["InstanceType"], variant["InitialInstanceCount"])
    return has == wanted


def _make(target: Target, call: Call) -> None:
    """Names carry the moment they were made up in: one that is taken is our own request, sent again after a broken answer."""
    try:
        target.send(call)
    except ClientError as error:
        if call.operation == "UpdateEndpoint" or not is_taken(error):
            raise


def _wait(target: Target, config: DeployConfig, output: Terminal) -> dict[str, Any]:
    logs_command = kennel_command(f"logs {config.endpoint}", config.settings)
    with waiting.left_running(f"endpoint {config.endpoint}", config.settings, "deploy", "down"):
        return waiting.endpoint(target, config.endpoint, output, logs_command)


def _sweep(target: Target, config: DeployConfig, made: list[Call], output: Terminal) -> bool:
    """Remove what this run made, newest first; what cannot be removed is named with the command that does it.

    True when nothing is left.
    """
    left = []
    for call in reversed(made):
        if call.operation not in _UNDO:
            continue
        operation, field = _UNDO[call.operation]
        name = call.request[field]
        try:
            if operation == "DeleteEndpoint":
                down.remove_endpoint(target, name)
            else:
                target.find("sagemaker", operation, **{field: name})
            output.line(f"removed {operation.removeprefix('Delete')} {name}")
        except (LaunchError, ClientError, BotoCoreError):
            left.append(f"{operation.removeprefix('Delete')} {name}")
    if left:
        removes = kennel_command(f"down --endpoint {config.endpoint}", config.settings)
        output.line(f"not removed: {', '.join(left)}; {removes} removes them")
    return not left
