"""`kennel env`: the lines that point the AWS CLI, boto3, the SageMaker SDK and notebooks at the local SageMaker."""

from scripts.aws import client_environment, local_server
from scripts.aws.calls import Call
from scripts.aws.shell_lines import SHELLS
from scripts.cli.terminal import Terminal
from scripts.cli.verb_config import EnvConfig
from scripts.output import complain, emit


def plan(config: EnvConfig) -> list[Call]:
    return []


def run(config: EnvConfig, output: Terminal) -> int:
    """Print the lines for a shell; the server is started when it is not up, unless they undo what the lines before did."""
    if config.undo:
        values = client_environment.undone()
        if not values:
            complain("env --undo: `kennel env` has set nothing in this shell, so there is nothing to give back")
    else:
        values = client_environment.variables(config.settings, local_server.ensure(config.settings))
    line = SHELLS[config.shell]
    for name, value in values.items():
        emit(line(name, value))
    return 0
