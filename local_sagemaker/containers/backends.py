"""Which backend a container belongs to: an image that the server was told a command for runs as a process, any other in Docker.

A container that was started before is found by what its folder says, whatever the server is told of its image today.
"""

import threading
from functools import partial
from pathlib import Path

from ..context import Context
from ..registry.repositories import pull_reference
from .backend import Backend, Container, note_of
from .process_backend import ProcessBackend


class Backends:
    """Both backends."""

    def __init__(self, context: Context) -> None:
        self._images = context.images
        self._context = context
        self._process = ProcessBackend(context.images)
        self._docker: Backend | None = None
        self._first = threading.Lock()

    def of(self, image: str) -> Backend:
        """The backend that runs an image."""
        return self._process if image in self._images else self._in_docker()

    def find(self, folder: Path) -> Container | None:
        """The container that was started with this folder, running or ended; None when there never was one.

        Raises CannotStart where it is the engine's, and the engine cannot be asked.
        """
        backend = self._in_docker() if "container" in note_of(folder) else self._process
        return backend.find(folder)

    def _in_docker(self) -> Backend:
        with self._first:
            if self._docker is None:
                from .docker_backend import DockerBackend  # the SDK takes a fifth of the server's start, and may not be needed

                self._docker = DockerBackend(self._context.root, partial(pull_reference, self._context))
            return self._docker
