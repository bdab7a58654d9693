"""The packages that a script asks for, installed in a virtual environment of the job's own, on top of this program's.

What requirements.txt names is in a second one below, kept for each content of the file and used by all jobs of a cache, where the
job has a cache. This program's own environment is never changed, whatever the script installs.
"""

import signal
from collections.abc import Callable, Mapping
from pathlib import Path

from contract.script import package_layer
from contract.script.package_layer import REQUIREMENTS
from train.failure import Failure
from train.script import script_failure
from train.script.script_job import ScriptJob
from train.supervisor import Ended

Follow = Callable[[list[str], Mapping[str, str], Path], Ended]
"""Runs a command with an environment in a folder, to its end."""
_ASKED = {
    REQUIREMENTS: ("InstallRequirementsError", ["-r", REQUIREMENTS]),
    "setup.py": ("InstallModuleError", ["."]),
}
"""By the file that asks for packages: the error's name in SageMaker's toolkit, and what pip is told to install."""


class CannotInstall(Exception):
    """pip could not install what the script asks for: the failure of the job."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.kind)
        self.failure = failure


def python_for(
    job: ScriptJob,
    code: Path,
    cache: Path | None,
    private: Path,
    environ: Mapping[str, str],
    follow: Follow,
    stopped: Callable[[], bool],
) -> Path:
    """The Python that has what the script asks for, of an environment of this job's: what the script itself installs stays there.

    `private`: a folder of this job's; `stopped`: whether the job is told to stop. Raises CannotInstall.
    """
    # As on AWS: a shell script installs by itself.
    asked = [name for name in _ASKED if job.kind == "python" and (code / name).is_file()]
    below = None
    if cache and REQUIREMENTS in asked:
        text = (code / REQUIREMENTS).read_bytes()
        if package_layer.self_contained(text):
            below = _cached(cache, text, code, environ, follow, stopped)
            asked.remove(REQUIREMENTS)
    python = package_layer.create(private / "packages", below)
    for name in asked:
        _install(python, name, code, environ, follow)
    return python


def _cached(cache: Path, text: bytes, code: Path, environ: Mapping[str, str], follow: Follow, stopped: Callable[[], bool]) -> str:
    """The site-packages of the environment that all jobs with these requirements share."""
    waits = False

    def waiting() -> None:
        nonlocal waits
        if not waits:
            print("waiting for another job, which installs the same requirements.txt", flush=True)
            waits = True
        if stopped():
            told = "stopped while another job installed the same requirements.txt"
            raise CannotInstall(Failure("InstallRequirementsError", told, status=128 + signal.SIGTERM))

    def install(python: Path) -> None:
        _install(python, REQUIREMENTS, code, environ, follow)

    folder, there = package_layer.cached(cache, text, install, waiting)
    if there:
        print(f"requirements.txt is installed already, in {folder}", flush=True)
    return package_layer.site(folder)


def _install(python: Path, file: str, code: Path, environ: Mapping[str, str], follow: Follow) -> None:
    kind, what = _ASKED[file]
    command = package_layer.install_command(python, *what)
    print(f"installing {file}", flush=True)
    if failure := script_failure.of(kind, follow(command, environ, code), ["python", *command[1:4], *what], environ):
        raise CannotInstall(failure)
