"""A command that a job's ContainerEntrypoint and ContainerArguments name: a person's own driver, run as the first program of
their container would be, among this program's packages.

Version 3 of the SageMaker SDK sends one with each job (sm_train.sh), which sets the SM_* variables and starts the script. No
SM_* variable comes from here: the platform gives none to such a command. Never imports torch.
"""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from contract.layout import DEFAULT_BASE, Layout
from contract.script import opt_ml, package_layer
from train import config, supervisor
from train.errors import ConfigError
from train.failure import Failure
from train.script import script_failure, script_job, startup
from train.supervisor import Stop

_READ = 4096
"""Bytes of the command's own output/failure that are looked at."""
_CAUSELESS = re.compile(r"CalledProcessError: Command|^\s*Training Execution failed\b")
"""What the SDK's driver writes there: that a command failed, and not why."""
_MPI_DRIVER = "mpi_driver.py"


def run(words: Sequence[str], layout: Layout, folder: Path, stop: Stop) -> Failure | None:
    """Runs the command to its end; None when it ended well, why it failed otherwise. Raises ConfigError.

    `folder` is private to the program, and removed at its end.
    """
    environ = config.environ()
    _check(layout)
    platform = config.platform_of(layout)
    hosts = tuple(sorted(platform.hosts))
    if len(hosts) > 1 and "MASTER_ADDR" not in environ:
        supervisor.wait_for_hosts(hosts)
    python = package_layer.create(folder / "packages")
    started_first = startup.write(folder, layout, environ, platform.current_host)
    variables = script_job.surroundings(
        layout, environ, hosts, platform.network_interface_name, python=python, modules=[started_first]
    )
    for place in (layout.model, layout.output_data):
        place.mkdir(parents=True, exist_ok=True)
    print(f"running {shlex.join(words)}", flush=True)
    command = list(words)
    if layout.base != DEFAULT_BASE:
        command = opt_ml.command(layout.base, command, needed=any(str(DEFAULT_BASE) in word for word in words))
    ended = supervisor.follow(command, variables, stop, signals=True, merged=True)
    failure = script_failure.of("ExecuteUserScriptError", ended, words, environ)
    return _as_written(layout.failure, failure) if failure else None


def _check(layout: Layout) -> None:
    """Raises ConfigError for a driver that changes the machine: MPI() of the SDK writes /etc/environment and starts sshd."""
    driver = layout.channel("sm_drivers") / "sm_train.sh"
    if layout.base != DEFAULT_BASE and driver.is_file() and _MPI_DRIVER in driver.read_text(encoding="utf-8", errors="replace"):
        raise ConfigError(
            "distributed=MPI(): the SDK's driver starts sshd and writes /etc/environment, which is this machine's own here; give "
            "Torchrun(), or SourceCode(command='mpirun ...')"
        )


def _as_written(path: Path, failure: Failure) -> Failure:
    """The failure, in the words that the command wrote to output/failure itself where these tell a cause."""
    if not path.is_file():
        return failure
    with path.open("rb") as file:
        written = file.read(_READ).decode("utf-8", "replace")
    if not written.strip() or _CAUSELESS.search(written):
        return failure
    return Failure("", written, status=failure.status)
