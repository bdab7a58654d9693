"""`kennel salvage OLD.pth`: an artefact out of a network that was pickled whole, debugger's hooks and all.

It starts the train room's program, which needs torch, and says what to do with what comes out. Nothing in the file is run.
"""

import subprocess
import sys

from scripts.aws.calls import Call
from scripts.cli.terminal import Terminal
from scripts.cli.verb_config import SalvageConfig
from scripts.config import PROJECT, inherited_environment
from scripts.errors import LaunchError


def plan(config: SalvageConfig) -> list[Call]:
    """Nothing is sent to any service."""
    return []


def command(config: SalvageConfig) -> list[str]:
    """The train room's program with its options."""
    words = [sys.executable, "-m", "train.salvage", "--out", str(config.out), "--picture-size", str(config.picture_size)]
    for name, value in (("--classes", config.classes), ("--arch", config.arch), ("--entry", config.entry)):
        words += [f"{name}={value}"] if value is not None else []
    return [*words, "--", str(config.file)]


def run(config: SalvageConfig, output: Terminal) -> int:
    """Recover and pack. Raises LaunchError with the program's own line."""
    environment = inherited_environment() | {"PYTHONPATH": str(PROJECT)}
    done = subprocess.run(command(config), env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise LaunchError(lines[-1].removeprefix("salvage: ") if lines else f"ended with status {done.returncode}")
    output.next(config.settings, (f"deploy --model {config.out}", "put it behind an endpoint"))
    return 0
