"""Containers as OS processes: no Docker, the same entry points, a private /opt/ml named by SAGEMAKER_BASE_DIR.

An image name stands for a command that the server is told of at start. Each container is a session of its own under
container_init.py, which ends whatever the program leaves behind and writes the exit code down. The folder holds:

    opt/ml/...      what the program knows as /opt/ml
    log             stdout and stderr
    container.json  process id and start time of container_init.py: how the next server finds the container
    exit            the exit code, once there is one

The hosts algo-1 to algo-N of a job are N containers on this machine. Their names do not resolve, so each gets MASTER_ADDR
(127.0.0.1) and MASTER_PORT (a free port), which torchrun's --master-addr and --master-port, or PyTorch's env:// take.

It isolates nothing: the program sees this machine's files and network. A backend for Docker does.
"""

import contextlib
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

from .backend import CannotStart, ContainerSpec, Image, base_of

INIT = Path(__file__).with_name("container_init.py")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
KILL_WAIT = 5.0
"""Seconds container_init.py has to end everything before we end it, and its group, ourselves."""


class ProcessContainer:
    """A container by its folder. It may have been started by a server that is gone."""

    def __init__(self, folder: Path, pid: int, started: float, process: subprocess.Popen[bytes] | None = None) -> None:
        self._folder = folder
        self._pid = pid
        self._started = started
        self._process = process

    def exit_code(self) -> int | None:
        """None while container_init.py lives. 137 when it was killed before it could write the code down."""
        if self._alive():
            return None
        try:
            return int((self._folder / "exit").read_text())
        except (FileNotFoundError, ValueError):
            return 137

    def terminate(self) -> None:
        """SIGTERM to the program."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL to everything; waits until it is gone."""
        self._signal(signal.SIGUSR1)
        if not self._gone_within(KILL_WAIT):
            self._kill_tree()
            self._gone_within(KILL_WAIT)

    def _alive(self) -> bool:
        if self._process is not None:
            return self._process.poll() is None
        try:
            process = psutil.Process(self._pid)
            if process.status() == psutil.STATUS_ZOMBIE or abs(process.create_time() - self._started) >= 1.0:
                return False
            command = process.cmdline()  # empty for the moment in which a process is ending
            return not command or str(self._folder / "exit") in command
        except psutil.Error:
            return False

    def _signal(self, number: int) -> None:
        if self._alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, number)

    def _gone_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self._alive():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    def _kill_tree(self) -> None:
        with contextlib.suppress(psutil.Error):
            top = psutil.Process(self._pid)
            for process in [*top.children(recursive=True), top]:
                process.kill()


class ProcessBackend:
    """Runs containers as processes of this machine."""

    def __init__(self, images: Mapping[str, Image]) -> None:
        self._images = images

    network_interface = "lo"
    isolates_network = False

    def cluster_environment(self, hosts: int) -> dict[str, str]:
        """Hosts are processes of this machine and algo-1 is no host name here: MASTER_ADDR and MASTER_PORT say where it is."""
        return {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())} if hosts > 1 else {}

    def seen_base(self, folder: Path) -> str:
        """There is no mount: the program sees the folder where it lies."""
        return str(base_of(folder))

    def check(self, image: str) -> str | None:
        """None when the image is in the table."""
        if image in self._images:
            return None
        known = ", ".join(sorted(self._images)) or "none"
        return f"No entry point is known for image {image!r} (known images: {known}). Start the server with one, or use Docker."

    def start(self, spec: ContainerSpec) -> ProcessContainer:
        """Starts the program; returns when it is on its way. Raises CannotStart."""
        if problem := self.check(spec.image):
            raise CannotStart(problem)
        image = self._images[spec.image]
        command = [*(spec.entrypoint or image.command), *spec.arguments]
        home = spec.folder / "home"
        for folder in (spec.base, home):
            folder.mkdir(parents=True, exist_ok=True)
        exit_file = spec.folder / "exit"
        exit_file.unlink(missing_ok=True)
        environment = {
            "PATH": PATH,
            "HOME": str(home),
            "LANG": "C.UTF-8",
            **image.environment,
            **spec.environment,
            "SAGEMAKER_BASE_DIR": self.seen_base(spec.folder),
        }
        try:
            with spec.log.open("ab") as log:
                process = subprocess.Popen(
                    [sys.executable, "-I", "-S", str(INIT), str(exit_file), *command],
                    cwd=home,
                    env=environment,
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        except (OSError, ValueError) as error:
            raise CannotStart(f"{shlex.join(command)} cannot be started: {error}") from error
        started = psutil.Process(process.pid).create_time()
        _write_down(spec.folder, process.pid, started)
        with process.stdin as stdin:
            stdin.write(b"g")
        return ProcessContainer(spec.folder, process.pid, started, process)

    def find(self, folder: Path) -> ProcessContainer | None:
        """The container of this folder, from its container.json."""
        try:
            written = json.loads((folder / "container.json").read_text())
            return ProcessContainer(folder, int(written["pid"]), float(written["started"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None


def free_port() -> int:
    """A loopback port that nothing listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _write_down(folder: Path, pid: int, started: float) -> None:
    part = folder / "container.json.part"
    part.write_text(json.dumps({"pid": pid, "started": started}))
    os.replace(part, folder / "container.json")
