"""A person's code made ready before the workers start: fetched, where it lies elsewhere, and given the packages it asks for.

Nothing of it is imported here. What is fetched and installed goes to a folder of this run's own, or to the cache of the machine;
a program that is told to stop meanwhile gives up.
"""

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from contract import archive
from contract.errors import ArchiveError
from contract.layout import DEFAULT_BASE, Layout
from contract.reason import first_line
from contract.script import package_layer
from contract.script.package_layer import REQUIREMENTS
from serve import log
from serve.errors import ServeError
from serve.handler_choice import SCRIPT, HandlerChoice, OwnCode, no_program

_TAIL = 8192
_LOOK = 0.2
"""Seconds between looks at whether the program is to stop."""
_DOWNLOAD = Path(__file__).with_name("source_download.py")


class _Stopped(Exception):
    """The program was told to stop while it waited."""


@dataclass(slots=True, kw_only=True)
class Preparation:
    """`end`: the monotonic time by which all is to be ready. `stopped`: whether the program is told to stop."""

    layout: Layout

    environ: Mapping[str, str]
    cache: Path | None
    stopped: Callable[[], bool]
    end: float
    folder: Path | None = None
    """Of this run's own, once something needs one."""
    own_group: bool = True
    """What is run leads a process group of its own; else it is killed with this process's."""

    def run(self, choice: HandlerChoice) -> OwnCode | None:
        """None where the program is told to stop meanwhile. Raises ServeError naming what is missing."""
        try:
            return self._made_ready(choice, self.layout.model)
        except _Stopped:
            return None

    def remove(self) -> None:
        """Removes this run's own folder, at the end of the program."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _private(self) -> Path:
        self.folder = self.folder or private_folder(self.layout)
        return self.folder

    def _made_ready(self, choice: HandlerChoice, model: Path) -> OwnCode:
        folder = self._fetched(choice.source)
        if choice.kind == SCRIPT:
            if not (folder / choice.name).is_file():
                raise no_program(choice.name, folder, choice.source)
            entry = (folder / choice.name).parent
        else:
            entry = folder if folder.is_dir() else model
        asked = [place / REQUIREMENTS for place in (folder, model) if (place / REQUIREMENTS).is_file()]
        return OwnCode(entry, self._python_with(asked[0]) if asked else sys.executable)

    def _fetched(self, source: str) -> Path:
        path = Path(source)
        if source.startswith("s3://"):
            path = self._private() / "source.tar.gz"
            status, tail = self._follow([sys.executable, str(_DOWNLOAD), source, str(path)], self._private())
            if status:
                raise ServeError(f"SAGEMAKER_SUBMIT_DIRECTORY: {source} cannot be fetched: {_last(tail)}")
        elif path.is_dir() or not path.is_file():
            return path
        folder = self._private() / "code"
        try:
            archive.unpack(path, folder)
        except (ArchiveError, OSError) as error:
            raise ServeError(f"SAGEMAKER_SUBMIT_DIRECTORY: {source}: {first_line(error, 300)}") from None
        return folder

    def _python_with(self, requirements: Path) -> str:
        def install(python: Path) -> None:
            log.event("installing", file=str(requirements))
            command = package_layer.install_command(python, "-r", requirements.name)
            status, tail = self._follow(command, requirements.parent)
            if status:
                raise ServeError(f"{REQUIREMENTS} cannot be installed: {_last(tail, 'ERROR:')}")

        text = requirements.read_bytes()
        if self.cache and package_layer.self_contained(text):
            folder, _ = package_layer.cached(self.cache, text, install, self._check)
            return str(folder / "bin" / "python")
        python = package_layer.create(self._private() / "packages")
        install(python)
        return str(python)

    def _check(self) -> None:
        """Raises _Stopped, and ServeError when it takes too long."""
        if self.stopped():
            raise _Stopped
        if time.monotonic() > self.end:
            raise ServeError("the code and its packages were not ready in time; set SAGEMAKER_STARTUP_TIMEOUT higher")

    def _follow(self, command: Sequence[str], folder: Path) -> tuple[int, str]:
        """Runs a command to its end, its output in the log. Returns its status and the last of what it printed."""
        tail = b""
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(self.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=self.own_group,
        )
        assert process.stdout is not None
        try:
            while True:
                self._check()
                if select.select([process.stdout], [], [], _LOOK)[0]:
                    piece = os.read(process.stdout.fileno(), 65536)
                    if not piece:
                        return process.wait(), tail.decode(errors="replace")
                    tail = (tail + piece)[-_TAIL:]
                    with contextlib.suppress(OSError):
                        os.write(log.STDOUT, piece)
        finally:
            with contextlib.suppress(ProcessLookupError):
                (os.killpg if self.own_group else os.kill)(process.pid, signal.SIGKILL)
            process.stdout.close()
            process.wait()


def private_folder(layout: Layout) -> Path:
    """A new folder for one run: beside the container's /opt/ml where that is a folder of this machine, with which it is removed
    even where the program is killed; else in the temporary folder."""
    beside = layout.base.parent
    place = beside if layout.base != DEFAULT_BASE and os.access(beside, os.W_OK) else None
    return Path(tempfile.mkdtemp(prefix="serve-", dir=place))


def _last(text: str, start: str = "") -> str:
    """The last line that begins so, or the last of all."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    found = [line for line in lines if line.startswith(start)] or lines or ["it printed nothing"]
    return "".join(letter if letter.isprintable() else "?" for letter in found[-1][:400])
