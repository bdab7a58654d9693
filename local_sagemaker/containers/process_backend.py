"""Containers as OS processes: no Docker, the same entry points, a private /opt/ml named by SAGEMAKER_BASE_DIR.

An image name stands for a command that the server is told of at start. Each container is a session of its own under
container_init.py, which ends whatever the program leaves behind and writes the exit code down. The folder holds:

    opt/ml/...      what the program knows as /opt/ml
    log             stdout and stderr
    container.json  process id and start time of container_init.py, and the port it serves at: how the next server finds it
    exit            the exit code, once there is one

The hosts algo-1 to algo-N of a job are N containers on this machine. Their names do not resolve, and no two jobs can have the
same port, so each host gets MASTER_ADDR (127.0.0.1) and MASTER_PORT (a free port), which torchrun's --master-addr and
--master-port, or PyTorch's env:// take.

It isolates nothing: the program sees this machine's files and network. docker_backend.py does.
"""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

from ..image_table import Image
from . import orphans
from .backend import EXIT, WITHOUT_GPUS, CannotStart, ContainerSpec, base_of, exit_code_of, note_of, write_note
from .port_owner import PortOwner, free_port
from .untrusted_folder import Refused, UntrustedFolder

INIT = Path(__file__).with_name("container_init.py")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MODULES = "PYTHONPATH"
NICE = 5
"""The nice level of a container that yields to others."""
KILL_WAIT = 5.0
"""Seconds container_init.py has to end everything before we end it, and its group, ourselves."""


class ProcessContainer:
    """A container by its folder. It may have been started by a server that is gone."""

    def __init__(
        self,
        folder: Path,
        pid: int,
        started: float,
        port: int | None,
        inits: "_Inits",
        process: subprocess.Popen[bytes] | None = None,
    ) -> None:
        self._folder = folder
        self._inits = inits
        self._swept = False
        self._pid = pid
        self._started = started
        self._port = port
        self._owner = None if port is None else PortOwner(port, pid)
        self._process = process

    def address(self) -> str:
        """A loopback port."""
        return f"127.0.0.1:{self._port}"

    def port_is_taken(self) -> bool:
        """The port was free when it was chosen, and anyone may have been faster than the program."""
        return self._owner is not None and self._owner.is_taken()

    def exit_code(self) -> int | None:
        """None while container_init.py lives. 137 when it was killed before it could write the code down; then what it would have
        ended is ended here."""
        if self._alive():
            return None
        self._sweep()
        code = exit_code_of(self._folder)
        if code is None and self._process is not None and self._process.returncode >= 0:
            code = self._process.returncode  # it could not write the code down, and ended with it
        return 137 if code is None else code

    def terminate(self) -> None:
        """SIGTERM to the program."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL to everything; waits until it is gone."""
        self._signal(signal.SIGUSR1)
        if not self._gone_within(KILL_WAIT):
            self._kill_tree()
            self._gone_within(KILL_WAIT)
        self._sweep()

    def _alive(self) -> bool:
        if self._process is not None:
            return self._process.poll() is None
        try:
            process = psutil.Process(self._pid)
            if process.status() == psutil.STATUS_ZOMBIE or abs(process.create_time() - self._started) >= 1.0:
                return False
            command = process.cmdline()  # empty for the moment in which a process is ending
            return not command or str(self._folder / EXIT) in command
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

    def _sweep(self) -> None:
        if not self._swept and not self._alive():
            self._swept = True
            if self._process is not None:
                self._inits.forget(self._process)
            with self._inits.known() as inits:
                orphans.end(base_of(self._folder).path, set(inits), KILL_WAIT)

    def _kill_tree(self) -> None:
        with contextlib.suppress(psutil.Error):
            top = psutil.Process(self._pid)
            for process in [*top.children(recursive=True), top]:
                process.kill()


class _Inits:
    """The process ids of container_init.py that this server has started and not yet seen the end of."""

    def __init__(self) -> None:
        self._started: dict[int, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def known(self) -> Iterator[dict[int, subprocess.Popen[bytes]]]:
        """All of them; meanwhile no other thread starts one."""
        with self._lock:
            yield self._started

    def forget(self, process: subprocess.Popen[bytes]) -> None:
        """Its process id may be another's by now."""
        with self._lock:
            if self._started.get(process.pid) is process:
                del self._started[process.pid]


class ProcessBackend:
    """Runs containers as processes of this machine."""

    def __init__(self, images: Mapping[str, Image]) -> None:
        self._images = images
        self._inits = _Inits()

    reaches_us = True
    isolates_network = False
    mounts_read_only = False

    def network_interface(self, hosts: int, *, isolated: bool) -> str:
        """Every host is this machine."""
        return "lo"

    def cluster_environment(self, hosts: int, *, calls_us: bool) -> dict[str, str]:
        """Hosts are processes of this machine: MASTER_ADDR and MASTER_PORT say where algo-1 is, at a port of this job's own."""
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
        return place | (WITHOUT_GPUS if hosts > 1 else {})

    def seen_base(self, folder: Path) -> str:
        """There is no mount: the program sees the folder where it lies."""
        return str(base_of(folder).path)

    def prepare(self, image: str) -> None:
        """Raises CannotStart unless the image is in the table."""
        if image not in self._images:
            known = ", ".join(sorted(self._images)) or "none"
            raise CannotStart(f"No entry point is known for image {image!r} (known images: {known}).")

    def start(self, spec: ContainerSpec) -> ProcessContainer:
        """Starts the program; returns when it is on its way. Raises CannotStart."""
        self.prepare(spec.image)
        image = self._images[spec.image]
        is_instead = spec.entrypoint and not (image.runs_commands and spec.hosts)
        command = [*(() if is_instead else image.command), *spec.entrypoint, *spec.arguments]
        own, home = UntrustedFolder(spec.folder), spec.folder / "home"
        for name in ("opt/ml", home.name):
            own.make(name)
        exit_file = spec.folder / EXIT
        own.delete(EXIT)
        environment = {
            "PATH": PATH,
            "HOME": str(home),
            "LANG": "C.UTF-8",
            **image.environment,
            **spec.environment,
            orphans.FOLDER_VARIABLE: self.seen_base(spec.folder),
        }
        if found := image.environment.get(MODULES):  # how the program itself is found: a job's own path comes after it
            environment[MODULES] = ":".join(filter(None, [found, spec.environment.get(MODULES)]))
        port = free_port() if spec.serves else None
        if port is not None:
            environment["SAGEMAKER_BIND_TO_PORT"] = str(port)
        try:
            with own.appender(spec.log.name) as log, self._inits.known() as inits:
                process = subprocess.Popen(
                    [sys.executable, "-I", "-S", str(INIT), str(exit_file), *command],
                    cwd=home,
                    env=environment,
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
                inits[process.pid] = process
        except (OSError, ValueError, Refused) as error:
            raise CannotStart(f"{shlex.join(command)} cannot be started: {error}") from error
        if spec.yields:
            os.setpriority(os.PRIO_PROCESS, process.pid, NICE)  # before the program starts, which inherits it
        started = psutil.Process(process.pid).create_time()
        write_note(spec.folder, {"pid": process.pid, "started": started, "port": port})
        assert process.stdin is not None
        with process.stdin as stdin:
            stdin.write(b"g")
        return ProcessContainer(spec.folder, process.pid, started, port, self._inits, process)

    def find(self, folder: Path) -> ProcessContainer | None:
        """The container of this folder, from its container.json."""
        note = note_of(folder)  # which a program that is not isolated may have written
        pid, started, port = note.get("pid"), note.get("started"), note.get("port")
        if not (isinstance(pid, int) and 0 < pid < 1 << 31 and isinstance(started, float) and isinstance(port, int | None)):
            return None
        return ProcessContainer(folder, pid, started, port, self._inits)
