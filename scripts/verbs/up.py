"""`kennel up`: the local SageMaker of this checkout, started in the background."""

from scripts.aws import local_server
from scripts.aws.calls import Call
from scripts.cli.terminal import Terminal
from scripts.cli.verb_config import UpConfig
from scripts.errors import LaunchError


def plan(given: UpConfig) -> list[Call]:
    return local_server.account(given.settings)


def run(given: UpConfig, say: Terminal) -> int:
    """Start it, or say where it is."""
    before = local_server.running(given.settings)
    if before and given.port is not None and not before.url.endswith(f":{given.port}"):
        raise LaunchError(f"--port {given.port}: the local SageMaker is up on {before.url}; kennel stop, then kennel up again")
    server = local_server.ensure(given.settings, given.port)
    say.line(f"local SageMaker on {server.url}, process {server.pid}, files in {local_server.root(given.settings)}")
    say.next(given.settings, ("data", "a set of pictures"), ("env", "for the AWS CLI, boto3 and notebooks"), ("stop", "end it"))
    return 0
