"""The packages that a script asks for, installed in a virtual environment of their own on top of this program's.

Each job has one. What requirements.txt names is in a second one below, kept for each content of the file and used by all jobs of
a cache, where the job has a cache. This program's own environment is never changed, whatever the script installs.
"""

import contextlib
import fcntl
import hashlib
import shutil
import signal
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import distributions
from pathlib import Path
from typing import BinaryIO

from train.failure import Failure
from train.script import script_failure
from train.script.script_job import ScriptJob
from train.supervisor import Ended

Follow = Callable[[list[str], Mapping[str, str], Path], Ended]
"""Runs a command with an environment in a folder, to its end."""
_ASKED = {
    "requirements.txt": ("InstallRequirementsError", ["-r", "requirements.txt"]),
    "setup.py": ("InstallModuleError", ["."]),
}
"""By the file that asks for packages: the error's name in SageMaker's toolkit, and what pip is told to install."""
_PROGRAMS = {"pip": "pip", "pip3": "pip", "torchrun": "torch.distributed.run"}
"""Programs that act on the Python they belong to: this program's own must not be found first."""
_FILES = (".whl", ".zip", ".tar.gz")
_LOOK = 0.2
"""Seconds between looks at whether another job has installed the same."""


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
    below = sysconfig.get_path("purelib")
    if cache and "requirements.txt" in asked:
        text = (code / "requirements.txt").read_bytes()
        if _self_contained(text):
            below = _cached(cache / "packages" / _key(text), code, environ, follow, stopped)
            asked.remove("requirements.txt")
    python = create(private / "packages", below)
    for name in asked:
        _install(python, name, code, environ, follow)
    return python


def _cached(folder: Path, code: Path, environ: Mapping[str, str], follow: Follow, stopped: Callable[[], bool]) -> str:
    """The site-packages of the environment that all jobs with these requirements share."""
    ready = folder / "ready"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _locked(folder.with_suffix(".lock"), stopped):
        if ready.is_file():
            print(f"requirements.txt is installed already, in {folder}", flush=True)
            return _site(folder)
        shutil.rmtree(folder, ignore_errors=True)
        python = create(folder, sysconfig.get_path("purelib"))
        try:
            _install(python, "requirements.txt", code, environ, follow)
        except CannotInstall:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        ready.touch()
    return _site(folder)


@contextlib.contextmanager
def _locked(path: Path, stopped: Callable[[], bool]) -> Iterator[None]:
    """Another job that asks for the same waits, and finds it installed. Raises CannotInstall where it is stopped meanwhile."""
    with open(path, "ab") as file:
        waits = False
        while not _lock(file):
            if not waits:
                print("waiting for another job, which installs the same requirements.txt", flush=True)
                waits = True
            if stopped():
                told = "stopped while another job installed the same requirements.txt"
                raise CannotInstall(Failure("InstallRequirementsError", told, status=128 + signal.SIGTERM))
            time.sleep(_LOOK)
        yield


def _lock(file: BinaryIO) -> bool:
    """Whether the lock is this process's from here on. Raises OSError for a file system without locks."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def create(folder: Path, below: str) -> Path:
    """Makes a virtual environment that finds its own packages first, then those of the folder `below`; returns its Python."""
    import venv  # a tenth of a second, which only a script waits for

    venv.EnvBuilder(symlinks=True).create(folder)
    (Path(_site(folder)) / "kennel.pth").write_text(f"import site; site.addsitedir({below!r})\n", encoding="utf-8")
    programs = folder / "bin"
    for name, module in _PROGRAMS.items():
        (programs / name).write_text(f'#!/bin/sh\nexec "$(dirname "$0")/python" -m {module} "$@"\n', encoding="utf-8")
        (programs / name).chmod(0o755)
    return programs / "python"


def _site(folder: Path) -> str:
    return sysconfig.get_path("purelib", "venv", {"base": str(folder)})


def _install(python: Path, file: str, code: Path, environ: Mapping[str, str], follow: Follow) -> None:
    kind, what = _ASKED[file]
    command = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--root-user-action=ignore", *what]
    print(f"installing {file}", flush=True)
    if failure := script_failure.of(kind, follow(command, environ, code), ["python", *command[1:4], *what], environ):
        raise CannotInstall(failure)


def _self_contained(requirements: bytes) -> bool:
    """Whether requirements name packages only, and no file beside them that a hash of the text would not notice."""
    try:
        text = requirements.decode("utf-8-sig")
    except UnicodeDecodeError:
        return False  # as PowerShell writes them; pip reads them too
    lines = [line.split("#")[0].strip() for line in text.splitlines()]
    return not any(line.startswith(("-", ".", "/")) or "file:" in line or line.endswith(_FILES) for line in lines if line)


def _key(requirements: bytes) -> str:
    """Names the environment that the requirements give on top of this program's packages."""
    below = sorted(f"{found.name}=={found.version}" for found in distributions())
    return hashlib.sha256("\n".join([sys.version, sys.prefix, *below]).encode() + b"\0" + requirements).hexdigest()[:24]
