"""What can run a container, and what a container is to us. Not how: process_backend.py runs them as OS processes,
docker_backend.py in a Docker engine, and backends.py says which of the two an image is for.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from .untrusted_folder import Refused, UntrustedFolder

NOT_ISOLATED = "EnableNetworkIsolation: the container gets no credentials, but a process cannot be cut off the network"
NOTE, EXIT = "container.json", "exit"
"""Files in a container's folder: how it is found again, and its exit code."""
NOTE_BYTES, EXIT_BYTES = 64 << 10, 16
SERVING_PORT = 8080
"""Where a serving container listens, unless SAGEMAKER_BIND_TO_PORT says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSpec:
    """One container to run.

    `folder` is its private folder and its identity. `base` inside is what the program knows as /opt/ml; `log` takes
    stdout and stderr. `entrypoint`, where given, replaces the image's own; `arguments` follow it. `read_only` are paths below
    /opt/ml that the program must not be able to change. `hosts` are all hosts of a training job, of which `hostname` is this
    one; `serves` says that it is to answer HTTP. `isolated` is EnableNetworkIsolation. `calls_us` says that it calls this
    server. `yields`: on AWS it has a machine to itself; here others come first.
    """

    folder: Path
    image: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    entrypoint: tuple[str, ...] = ()
    read_only: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    hostname: str = ""
    serves: bool = False
    isolated: bool = False
    calls_us: bool = False
    yields: bool = False
    instance_type: str = ""

    @property
    def base(self) -> UntrustedFolder:
        return base_of(self.folder)

    @property
    def log(self) -> Path:
        return log_of(self.folder)


def base_of(folder: Path) -> UntrustedFolder:
    """The container's /opt/ml, as this machine sees it."""
    return UntrustedFolder(folder) / "opt/ml"


def log_of(folder: Path) -> Path:
    """The file with what the container printed."""
    return folder / "log"


def note_of(folder: Path) -> dict[str, Any]:
    """What the backend that started the container wrote down to find it again; empty where none did."""
    try:
        note = json.loads(UntrustedFolder(folder).read(NOTE, NOTE_BYTES) or b"")
    except (OSError, ValueError, RecursionError, Refused):
        return {}
    return note if isinstance(note, dict) else {}


def write_note(folder: Path, note: Mapping[str, Any]) -> None:
    """Writes that down, whole or not at all."""
    UntrustedFolder(folder).write(NOTE, json.dumps(note))


def exit_code_of(folder: Path) -> int | None:
    """The exit code that was written down in the folder; None where none was, or something else is there."""
    try:
        return int(UntrustedFolder(folder).read(EXIT, EXIT_BYTES) or b"")
    except (OSError, ValueError, Refused):
        return None


class CannotStart(Exception):
    """The container could not be started: the sentence for FailureReason."""


class Container(Protocol):
    """A container that was started, by this server or by the one before it."""

    def exit_code(self) -> int | None:
        """None while it runs; then the program's exit code, 128 + the signal's number where a signal ended it."""
        ...

    def address(self) -> str:
        """`host:port` at which this machine reaches what it serves."""
        ...

    def port_is_taken(self) -> bool:
        """Whether another program of this machine listens at that address, so that what answers there may be that one."""
        ...

    def terminate(self) -> None:
        """SIGTERM to the program, as AWS sends it: to the first process only."""
        ...

    def kill(self) -> None:
        """SIGKILL to everything in the container; returns when nothing of it is left."""
        ...


WITHOUT_GPUS = {"CUDA_VISIBLE_DEVICES": ""}
"""For jobs of several hosts: all are on this machine and would share its GPUs, and NCCL works with one rank a GPU."""


class Backend(Protocol):
    """Where containers run."""

    reaches_us: bool
    """Whether every container can call this server; where not, one that has to (ContainerSpec.calls_us) gets the way to it."""
    isolates_network: bool
    """Whether EnableNetworkIsolation really cuts a container off the network."""
    mounts_read_only: bool
    """Whether no program, whatever its user, can write to what ContainerSpec calls read_only."""

    def network_interface(self, hosts: int, *, isolated: bool) -> str:
        """The network interface over which the hosts of a job reach each other."""
        ...

    def cluster_environment(self, hosts: int, *, calls_us: bool) -> dict[str, str]:
        """What the program needs beside resourceconfig.json when it runs on so many hosts: where algo-1 is, if that name does not
        resolve; a port there of the job's own, where jobs share a network; to leave a GPU alone that two hosts would share."""
        ...

    def seen_base(self, folder: Path) -> str:
        """The path under which the program in the container finds its /opt/ml."""
        ...

    def prepare(self, image: str) -> None:
        """Makes sure that the image can be run, which may take a download. Raises CannotStart."""
        ...

    def start(self, spec: ContainerSpec) -> Container:
        """Starts it. Raises CannotStart."""
        ...

    def find(self, folder: Path) -> Container | None:
        """The container that was started with this folder, running or ended; None when there never was one."""
        ...


def stop(container: Container, grace: float) -> int:
    """SIGTERM, up to `grace` seconds, SIGKILL. Returns the exit code."""
    container.terminate()
    deadline = time.monotonic() + grace
    while container.exit_code() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    container.kill()
    code = container.exit_code()
    return 137 if code is None else code
