"""Packages that a person's code asks for, in a virtual environment of their own on top of a program's, which is never changed.

One that a requirements.txt alone describes can be kept for each content of that file, and used by everybody who shares a cache.
Nothing is run here: whoever asks installs, and waits, in its own way.
"""

import contextlib
import fcntl
import hashlib
import shutil
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import BinaryIO

REQUIREMENTS = "requirements.txt"
_PROGRAMS = {"pip": "pip", "pip3": "pip", "torchrun": "torch.distributed.run"}
"""Programs that act on the Python they belong to: this program's own must not be found first."""
_FILES = (".whl", ".zip", ".tar.gz")
_LOOK = 0.2
"""Seconds between looks at whether another process has installed the same."""


def create(folder: Path, below: str | None = None) -> Path:
    """A virtual environment that finds its own packages first, then those of the folder `below`, by default this program's;
    returns its Python."""
    import venv  # a tenth of a second, which only a person's code waits for

    venv.EnvBuilder(symlinks=True).create(folder)
    below = below or sysconfig.get_path("purelib")
    (Path(site(folder)) / "kennel.pth").write_text(f"import site; site.addsitedir({below!r})\n", encoding="utf-8")
    programs = folder / "bin"
    for name, module in _PROGRAMS.items():
        (programs / name).write_text(f'#!/bin/sh\nexec "$(dirname "$0")/python" -m {module} "$@"\n', encoding="utf-8")
        (programs / name).chmod(0o755)
    return programs / "python"


def site(folder: Path) -> str:
    """The site-packages of the virtual environment in `folder`."""
    return sysconfig.get_path("purelib", "venv", {"base": str(folder)})


def install_command(python: Path, *what: str) -> list[str]:
    """The command that installs `what`, as pip's arguments, in the environment of `python`."""
    return [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--root-user-action=ignore", *what]


def cached(cache: Path, requirements: bytes, install: Callable[[Path], None], waiting: Callable[[], None]) -> tuple[Path, bool]:
    """The folder of the environment that all share who ask for these requirements, and whether it was there already.

    `install` is called with the Python of a new one; what it raises goes on, and nothing is kept. `waiting` is called again and
    again while another process installs the same, and may raise to give up.
    """
    folder = cache / "packages" / _key(requirements)
    ready = folder / "ready"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _locked(folder.with_suffix(".lock"), waiting):
        if ready.is_file():
            return folder, True
        shutil.rmtree(folder, ignore_errors=True)
        try:
            install(create(folder))
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        ready.touch()
    return folder, False


def self_contained(requirements: bytes) -> bool:
    """Whether requirements name packages only, and no file beside them that a hash of the text would not notice."""
    try:
        text = requirements.decode("utf-8-sig")
    except UnicodeDecodeError:
        return False  # as PowerShell writes them; pip reads them too
    lines = [line.split("#")[0].strip() for line in text.splitlines()]
    return not any(line.startswith(("-", ".", "/")) or "file:" in line or line.endswith(_FILES) for line in lines if line)


@contextlib.contextmanager
def _locked(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    with open(path, "ab") as file:
        while not _lock(file):
            waiting()
            time.sleep(_LOOK)
        yield


def _lock(file: BinaryIO) -> bool:
    """Whether the lock is this process's from here on. Raises OSError for a file system without locks."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _key(requirements: bytes) -> str:
    """Names the environment that the requirements give on top of this program's packages."""
    below = sorted(f"{found.name}=={found.version}" for found in distributions())
    return hashlib.sha256("\n".join([sys.version, sys.prefix, *below]).encode() + b"\0" + requirements).hexdigest()[:24]
