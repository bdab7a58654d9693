"""mpirun for a job that asks for MPI, as SageMaker's toolkit calls it, on the one host that a job of this program has then.

Open MPI has to be installed; what `custom_mpi_options` say goes to it. Never imports torch.
"""

import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from train.errors import ConfigError

ENABLED = "sagemaker_mpi_enabled"
_PROCESSES, _OPTIONS = "sagemaker_mpi_num_of_processes_per_host", "sagemaker_mpi_custom_mpi_options"
_PROGRAM = "mpirun"
_INSTEAD = "or use distribution={'torch_distributed': {'enabled': True}}"
_LOOK = "import importlib.util, sys; sys.exit(importlib.util.find_spec('mpi4py') is None)"


def words(parameters: Mapping[str, Any], hosts: Sequence[str], environ: Mapping[str, str]) -> tuple[str, ...]:
    """The beginning of the command, up to the program that each process is. Raises ConfigError.

    `parameters`: the job's sagemaker_* hyperparameters; `environ`: whose PATH has mpirun.
    """
    processes = parameters.get(_PROCESSES, 1)
    if isinstance(processes, bool) or not isinstance(processes, int) or processes < 1:
        raise ConfigError(f"{_PROCESSES}: {processes!r}; need a whole number from 1 on")
    if len(hosts) > 1:
        raise ConfigError(f"{ENABLED}: MPI is run on one host here, the job has {len(hosts)}; give instance_count=1, {_INSTEAD}")
    if shutil.which(_PROGRAM, path=environ.get("PATH")) is None:
        raise ConfigError(
            f"{ENABLED}: {_PROGRAM} is not on PATH here; install Open MPI (apt-get install openmpi-bin), {_INSTEAD}"
        )
    command = [_PROGRAM, "--host", f"localhost:{processes}", "-np", str(processes), "--allow-run-as-root", "-bind-to", "none"]
    command += [
        "-map-by",
        "slot",
        "-mca",
        "btl_vader_single_copy_mechanism",
        "none",
        "-mca",
        "orte_abort_on_non_zero_status",
        "1",
    ]
    return (*command, *_options(str(parameters.get(_OPTIONS) or "")))


def python_words(python: Path) -> list[str]:
    """What each process's Python is told first: mpi4py, where the job has it, ends all processes for an error in one."""
    has = subprocess.run([str(python), "-c", _LOOK], check=False).returncode == 0
    return ["-m", "mpi4py"] if has else []


def _options(text: str) -> list[str]:
    """The person's own options. `--NCCL_DEBUG LEVEL` is the toolkit's, for a variable of that name."""
    try:
        found = shlex.split(text)
    except ValueError as error:
        raise ConfigError(f"{_OPTIONS}: {text[:200]!r} is no list of options: {error}") from None
    given: list[str] = []
    while found:
        word, equals, value = found.pop(0).partition("=")
        if word == "--NCCL_DEBUG":
            value = value or (found.pop(0) if found else "INFO")
            given += ["-x", f"NCCL_DEBUG={value}"]
        else:
            given.append(word + equals + value)
    return given
