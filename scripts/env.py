"""`kennel env`: the lines that point the AWS CLI, boto3 and notebooks at the local SageMaker."""

import shlex

from scripts import up
from scripts.config import Config
from scripts.plan import Call
from scripts.say import Say


def plan(given: Config) -> list[Call]:
    return []


def run(given: Config, say: Say) -> int:
    """Print export lines for a shell; the server is started when it is not up."""
    for name, value in up.environment(given.settings, up.ensure(given.settings)).items():
        print(f"export {name}={shlex.quote(value)}")
    return 0
