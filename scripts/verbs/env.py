"""`kennel env`: the lines that point the AWS CLI, boto3, the SageMaker SDK and notebooks at the local SageMaker."""

from collections.abc import Mapping

from scripts.aws import client_environment, local_server
from scripts.aws.calls import Call
from scripts.cli.terminal import Terminal
from scripts.cli.verb_config import EnvConfig
from scripts.output import emit


def plan(config: EnvConfig) -> list[Call]:
    return []


def run(config: EnvConfig, output: Terminal) -> int:
    """Print the lines for a shell; the server is started when it is not up, unless they undo what the lines before did."""
    values: Mapping[str, str | None]
    if config.undo:
        values = client_environment.undone(config.settings)
    else:
        values = client_environment.variables(config.settings, local_server.ensure(config.settings))
    line = client_environment.SHELLS[config.shell]
    for name, value in values.items():
        emit(line(name, value))
    return 0
