"""`kennel policies`: prints the least IAM policies that the launchers and the execution role need. It changes nothing."""

import json

from scripts.aws import policies
from scripts.aws.calls import Call
from scripts.aws.job_config import Config
from scripts.cli.terminal import Terminal
from scripts.images import catalog
from scripts.output import emit


def plan(config: Config) -> list[Call]:
    return []


def run(config: Config, output: Terminal) -> int:
    """Print the policies as JSON, by what they are for."""
    settings = config.settings
    found = {
        "execution-role-trust": policies.trust(settings),
        "execution-role": policies.execution_role(settings, catalog.repositories()),
        "launcher": policies.launcher(settings, catalog.repositories()),
    }
    emit(json.dumps(found, indent=2))
    return 0
