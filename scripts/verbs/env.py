"""`kennel env`: the lines that point the AWS CLI, boto3 and notebooks at the local SageMaker."""

import shlex

from scripts.aws import local_server
from scripts.aws.calls import Call
from scripts.aws.job_config import Config
from scripts.cli.terminal import Terminal
from scripts.output import emit


def plan(config: Config) -> list[Call]:
    return []


def run(config: Config, output: Terminal) -> int:
    """Print export lines for a shell; the server is started when it is not up."""
    for name, value in local_server.environment(config.settings, local_server.ensure(config.settings)).items():
        emit(f"export {name}={shlex.quote(value)}")
    return 0
