"""The packages that a script asks for, installed in a virtual environment of their own on top of this program's.

One is kept for each content of requirements.txt where the job has a cache, and used by all jobs of that cache; otherwise it is
the job's. This program's own environment is never changed.
"""

import contextlib
import fcntl
import hashlib
import shutil
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import distributions
from pathlib import Path

from train.failure import Failure
from train.script import script_failure
from train.script.script_job import ScriptJob, python_of_job
from train.supervisor import Ended

Follow = Callable[[list[str], Mapping[str, str], Path], Ended]
"""Runs a command with an environment in a folder, to its end."""
_KINDS = {"requirements.txt": "InstallRequirementsError", "setup.py": "InstallModuleError"}


class CannotInstall(Exception):
    """pip could not install what the script asks for: the failure of the job."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.kind)
        self.failure = failure


def python_for(job: ScriptJob, code: Path, cache: Path | None, private: Path, environ: Mapping[str, str], follow: Follow) -> Path:
    """The Python that has what the script asks for. `private`: a folder of this job's. Raises CannotInstall."""
    if job.kind == "shell":
        return python_of_job()  # as on AWS: a shell script installs by itself
    requirements, module = code / "requirements.txt", code / "setup.py"
    python = python_of_job()
    if requirements.is_file():
        text = requirements.read_bytes()
        if cache and not module.is_file() and _self_contained(text):
            return _cached(cache / "packages" / _key(text), code, environ, follow)
        python = _create(private / "packages")
        _install(python, ["-r", requirements.name], "requirements.txt", code, environ, follow)
    if module.is_file():
        python = python if requirements.is_file() else _create(private / "packages")
        _install(python, ["."], "setup.py", code, environ, follow)
    return python


def _cached(folder: Path, code: Path, environ: Mapping[str, str], follow: Follow) -> Path:
    ready, python = folder / "ready", folder / "bin" / "python"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _locked(folder.with_suffix(".lock")):
        if ready.is_file():
            print(f"requirements.txt is installed already, in {folder}", flush=True)
            return python
        shutil.rmtree(folder, ignore_errors=True)
        _create(folder)
        try:
            _install(python, ["-r", "requirements.txt"], "requirements.txt", code, environ, follow)
        except CannotInstall:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        ready.touch()
    return python


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Another job that asks for the same waits, and finds it installed."""
    with open(path, "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _create(folder: Path) -> Path:
    """A virtual environment that finds its own packages first, then this program's; returns its Python."""
    import venv  # a tenth of a second, which only a script with packages of its own waits for

    venv.EnvBuilder(symlinks=True).create(folder)
    site = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder)}))
    below = sysconfig.get_path("purelib")
    (site / "kennel.pth").write_text(f"import site; site.addsitedir({below!r})\n", encoding="utf-8")
    return folder / "bin" / "python"


def _install(python: Path, what: list[str], file: str, code: Path, environ: Mapping[str, str], follow: Follow) -> None:
    command = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--root-user-action=ignore", *what]
    print(f"installing {file}", flush=True)
    if failure := script_failure.of(_KINDS[file], follow(command, environ, code), ["python", *command[1:4], *what]):
        raise CannotInstall(failure)


def _self_contained(requirements: bytes) -> bool:
    """Whether requirements name packages only, and no file beside them that a hash of the text would not notice."""
    lines = [line.split(b"#")[0].strip() for line in requirements.splitlines()]
    return not any(line.startswith((b"-", b".", b"/")) or b"file:" in line for line in lines if line)


def _key(requirements: bytes) -> str:
    """Names the environment that the requirements give on top of this program's packages."""
    below = sorted(f"{found.name}=={found.version}" for found in distributions())
    return hashlib.sha256("\n".join([sys.version, sys.prefix, *below]).encode() + b"\0" + requirements).hexdigest()[:24]
