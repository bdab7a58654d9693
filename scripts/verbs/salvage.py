"""`kennel salvage OLD.pth`: an artefact out of a network that was pickled whole, debugger's hooks and all.

It starts the train room's program, which needs torch, and says what to do with what comes out. Nothing in the file is run.
"""

import subprocess
import sys

from scripts import config
from scripts.aws.calls import Call
from scripts.cli.terminal import Terminal
from scripts.cli.verb_config import SalvageConfig
from scripts.errors import LaunchError


def plan(given: SalvageConfig) -> list[Call]:
    """Nothing is sent to any service."""
    return []


def command(given: SalvageConfig) -> list[str]:
    """The train room's program with its options."""
    words = [sys.executable, "-m", "train.salvage", "--out", str(given.out), "--picture-size", str(given.picture_size)]
    for name, value in (("--classes", given.classes), ("--arch", given.arch), ("--entry", given.entry)):
        words += [f"{name}={value}"] if value is not None else []
    return [*words, "--", str(given.file)]


def run(given: SalvageConfig, say: Terminal) -> int:
    """Recover and pack. Raises LaunchError with the program's own line."""
    environment = config.inherited_environment() | {"PYTHONPATH": str(config.PROJECT)}
    done = subprocess.run(command(given), env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise LaunchError(lines[-1].removeprefix("salvage: ") if lines else f"ended with status {done.returncode}")
    say.next(given.settings, (f"deploy --model {given.out}", "put it behind an endpoint"))
    return 0
