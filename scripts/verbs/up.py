"""`kennel up`: the local SageMaker of this checkout, started in the background."""

from scripts.aws import local_server, server_options
from scripts.aws.calls import Call
from scripts.aws.server_options import ServerOptions
from scripts.cli.terminal import Terminal
from scripts.cli.verb_config import UpConfig
from scripts.errors import LaunchError


def plan(config: UpConfig) -> list[Call]:
    return local_server.account(config.settings, config.options.account)


def run(config: UpConfig, output: Terminal) -> int:
    """Start it, or say where it is."""
    before = local_server.running(config.settings)
    if before and config.port is not None and not before.url.endswith(f":{config.port}"):
        raise LaunchError(f"--port {config.port}: the local SageMaker is up on {before.url}; kennel stop, then kennel up again")
    kept = server_options.read(config.settings.home)
    if before and config.options != kept:
        raise LaunchError(f"{_difference(config.options, kept)}; kennel stop, then kennel up again")
    if config.options != kept:
        server_options.write(config.settings.home, config.options)
    server = local_server.ensure(config.settings, config.port)
    output.line(f"local SageMaker on {server.url}, process {server.pid}, files in {local_server.root(config.settings)}")
    output.next(
        config.settings, ("data", "a set of pictures"), ("env", "for the AWS CLI, boto3 and notebooks"), ("stop", "end it")
    )
    return 0


def _difference(wanted: ServerOptions, kept: ServerOptions) -> str:
    """What of the options the running server does not have."""
    if wanted.account != kept.account:
        return f"--account {wanted.account}: the local SageMaker is up as account {kept.account}"
    names = dict(sorted({*wanted.images} ^ {*kept.images}))
    return f"--image {next(iter(names))}: the local SageMaker is up with other images"
