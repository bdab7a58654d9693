"""`kennel up`: the local SageMaker of this checkout, started in the background."""

from scripts.aws import local_server
from scripts.aws.calls import Call
from scripts.cli.terminal import Terminal
from scripts.cli.verb_config import UpConfig
from scripts.errors import LaunchError


def plan(config: UpConfig) -> list[Call]:
    return local_server.account(config.settings)


def run(config: UpConfig, output: Terminal) -> int:
    """Start it, or say where it is."""
    before = local_server.running(config.settings)
    if before and config.port is not None and not before.url.endswith(f":{config.port}"):
        raise LaunchError(f"--port {config.port}: the local SageMaker is up on {before.url}; kennel stop, then kennel up again")
    server = local_server.ensure(config.settings, config.port)
    output.line(f"local SageMaker on {server.url}, process {server.pid}, files in {local_server.root(config.settings)}")
    output.next(
        config.settings, ("data", "a set of pictures"), ("env", "for the AWS CLI, boto3 and notebooks"), ("stop", "end it")
    )
    return 0
