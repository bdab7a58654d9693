"""A container in the engine, followed by a thread of its own: what it prints goes to its log file, how it ended to its folder.

The folder holds the same as a process's: opt/ml, log, container.json (here: the container's name) and, at the end, exit. When
the exit code is known here, the log is whole, the files are the server's, and the container is gone from the engine.
"""

import logging
import os
import threading
import time
from pathlib import Path
from typing import Any

from docker.errors import APIError, ContainerError, NotFound
from docker.models.containers import Container

from .backend import EXIT, SERVING_PORT, base_of, log_of
from .docker_engine import ENGINE_ERRORS, FOLDER, ROOT, Engine, in_short
from .untrusted_folder import Refused, UntrustedFolder

KILL_WAIT = 60.0
"""Seconds the engine has to end a container."""
RETRY = 1.0
"""Seconds until an engine that does not answer is asked again."""

log = logging.getLogger(__name__)


class DockerContainer:
    """A container by its folder, started by this server or by the one before it."""

    def __init__(self, engine: Engine, folder: Path, container: Container) -> None:
        self._engine = engine
        self._folder = folder
        self._container = container
        self._code: int | None = None
        self._thread = threading.Thread(target=self._follow, name=f"container {container.name}", daemon=True)
        self._thread.start()

    def exit_code(self) -> int | None:
        """None until it has ended and nothing of it is left to do."""
        return self._code

    def address(self) -> str:
        """The published loopback port; of an isolated container, which can have none, its address on its own network."""
        return address_in(self._container.attrs["NetworkSettings"])

    def port_is_taken(self) -> bool:
        """The engine publishes no port that it does not have, and an address on a network of its own is the container's."""
        return False

    def terminate(self) -> None:
        """SIGTERM to the program, whatever STOPSIGNAL the image has."""
        self._signal("SIGTERM")

    def kill(self) -> None:
        """SIGKILL; waits until the container is gone."""
        self._signal("SIGKILL")
        self._thread.join(KILL_WAIT)

    def _signal(self, name: str) -> None:
        if self._code is None:
            try:
                self._container.kill(name)
            except ENGINE_ERRORS as error:
                if not isinstance(error, APIError) or error.status_code not in (404, 409):  # it has ended
                    log.warning("%s to container %s: %s", name, self._container.name, in_short(error))

    def _follow(self) -> None:
        """Follows the container to its end, also through a restart of the engine, and tidies up."""
        code = None
        while code is None:
            try:
                self._copy_log()
                code = self._container.wait()["StatusCode"]
            except NotFound:  # somebody removed it
                code = 137
            except Exception as error:  # the SDK lets those of its own libraries through; this thread must not end
                log.warning("container %s: %s", self._container.name, in_short(error))
                time.sleep(RETRY)
        try:
            take_over_files(self._container, self._folder)
            UntrustedFolder(self._folder).write(EXIT, str(code))
            self._engine.remove(self._container)
        except (*ENGINE_ERRORS, Refused) as error:  # the next server's first contact with the engine removes it
            log.warning("container %s is not removed: %s", self._container.name, in_short(error))
        self._code = code

    def _copy_log(self) -> None:
        """Appends what was printed to the log file, until the container ends.

        The engine keeps all of it, always the same bytes in the same order, so the length of the file says where to go on:
        no line is lost and none comes twice, whoever was killed in between.
        """
        with UntrustedFolder(self._folder).appender(log_of(self._folder).name) as file:
            known = file.tell()
            for chunk in self._container.logs(stream=True, follow=True):
                file.write(chunk[known:])
                file.flush()
                known = max(0, known - len(chunk))


class EndedContainer:
    """A container that is gone from the engine; its folder says how it ended."""

    def __init__(self, code: int) -> None:
        self._code = code

    def exit_code(self) -> int:
        """The exit code."""
        return self._code

    def address(self) -> str:
        """Nothing serves there."""
        return ""

    def port_is_taken(self) -> bool:
        """Nothing serves there."""
        return False

    def terminate(self) -> None:
        """Nothing is left to end."""

    def kill(self) -> None:
        """Nothing is left to end."""


def address_in(settings: dict[str, Any]) -> str:
    """`host:port` of what serves, from a container's NetworkSettings."""
    for binding in settings["Ports"].get(f"{SERVING_PORT}/tcp") or ():
        return f"127.0.0.1:{binding['HostPort']}"
    addresses = [network["IPAddress"] for network in settings["Networks"].values()]
    return f"{addresses[0]}:{SERVING_PORT}" if addresses and addresses[0] else ""


def take_over_files(container: Container, folder: Path) -> None:
    """Makes the server the owner of what the program wrote, so that it can be read and removed.

    Programs in containers run as root or as whom the image says. Only root gives files away, so where this server is not root
    a short container of the same image does it, with that one right: it needs `chown` in the image.
    """
    user, group = os.geteuid(), os.getegid()
    if user == 0 or owned_by(user, base_of(folder)):
        return
    mounts = {
        mount["Source"]: {"bind": mount["Destination"], "mode": "rw"}
        for mount in container.attrs["Mounts"]
        if mount["Type"] == "bind" and mount["RW"]
    }
    assert container.client is not None  # a container that an engine was asked for knows its engine
    try:
        container.client.containers.run(
            container.attrs["Image"],
            entrypoint=["chown", "-hR", f"{user}:{group}"],
            command=[mount["bind"] for mount in mounts.values()],
            volumes=mounts,
            user="0:0",
            cap_drop=["ALL"],
            cap_add=["CHOWN", "DAC_OVERRIDE"],
            network_mode="none",
            labels={ROOT: container.labels[ROOT], FOLDER: container.labels[FOLDER]},
            remove=True,
        )
    except (APIError, ContainerError) as error:
        log.warning("files of container %s stay with another owner: %s", container.name, in_short(error))


def owned_by(user: int, folder: UntrustedFolder) -> bool:
    """Whether all in a folder belongs to a user. What cannot be listed, or is too much to look at, does not."""
    try:
        return all(entry.status.st_uid == user for entry in folder.walk())
    except (OSError, Refused):
        return False
