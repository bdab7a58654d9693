"""What can run a container, and what a container is to us. Not how: process_backend.py runs them as OS processes.

A backend for Docker fits the same two protocols: `start` is `docker run`, `find` is a look-up by name, `seen_base` is /opt/ml.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

NOT_ISOLATED = "EnableNetworkIsolation: the container gets no credentials, but this backend cannot cut it off the network"


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What an image name stands for in the process backend: an entry point, and the image's own ENV."""

    command: tuple[str, ...]
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSpec:
    """One container to run.

    `folder` is its private folder and its identity. `base` inside is what the program knows as /opt/ml; `log` takes
    stdout and stderr. `entrypoint`, where given, replaces the image's own; `arguments` follow it.
    """

    folder: Path
    image: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    entrypoint: tuple[str, ...] = ()

    @property
    def base(self) -> Path:
        return base_of(self.folder)

    @property
    def log(self) -> Path:
        return log_of(self.folder)


def base_of(folder: Path) -> Path:
    """The container's /opt/ml, as this machine sees it."""
    return folder / "opt" / "ml"


def log_of(folder: Path) -> Path:
    """The file with what the container printed."""
    return folder / "log"


class CannotStart(Exception):
    """The container could not be started: the sentence for FailureReason."""


class Container(Protocol):
    """A container that was started, by this server or by the one before it."""

    def exit_code(self) -> int | None:
        """None while it runs; then the program's exit code, 128 + the signal's number where a signal ended it."""
        ...

    def terminate(self) -> None:
        """SIGTERM to the program, as AWS sends it: to the first process only."""
        ...

    def kill(self) -> None:
        """SIGKILL to everything in the container; returns when nothing of it is left."""
        ...


class Backend(Protocol):
    """Where containers run."""

    network_interface: str
    """The network interface over which the hosts of a job reach each other."""

    isolates_network: bool
    """Whether EnableNetworkIsolation really cuts a container off the network."""

    def cluster_environment(self, hosts: int) -> dict[str, str]:
        """What the program needs beside resourceconfig.json to reach host algo-1: empty where host names resolve."""
        ...

    def seen_base(self, folder: Path) -> str:
        """The path under which the program in the container finds its /opt/ml."""
        ...

    def check(self, image: str) -> str | None:
        """None when the image can be run, else a sentence that says why not and what to do."""
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
