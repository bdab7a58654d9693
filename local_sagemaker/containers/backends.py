"""Which backend a container belongs to: an image that the server was told a command for runs as a process, any other in Docker.

    an image of exactly this name in the table         runs as a process
    else an image of this server's own registry        runs in Docker
    else the first pattern with a command that fits    runs as a process
    else the image whose alias fits                    runs in the place of this one: as a process where the table has it, else in
                                                       Docker, unless the engine has an image of exactly the name asked for
    else                                               runs in Docker, where the engine has it

A container that was started before is found by what its folder says, whatever the server is told of its image today.
"""

import threading
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..context import Context
from ..registry.repositories import pull_reference
from .backend import Backend, CannotStart, Container, note_of
from .process_backend import ProcessBackend

if TYPE_CHECKING:
    from .docker_backend import DockerBackend


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What runs an image: the backend, the name under which that has it, and a sentence where another image takes its place."""

    backend: Backend
    image: str
    remark: str = ""


class Backends:
    """Both backends."""

    def __init__(self, context: Context) -> None:
        self._images = context.images
        self._context = context
        self._process = ProcessBackend(context.images.commands)
        self._docker: DockerBackend | None = None
        self._first = threading.Lock()

    def of(self, image: str) -> Backend:
        """The backend that runs an image. No engine is asked."""
        name, _ = self._stands_for(image)
        return self._process if name in self._images.commands else self._in_docker()

    def choose(self, image: str, *, serves: bool = False) -> Chosen:
        """What runs an image, a model's where it `serves`, and it can be run, which may take a download. Raises CannotStart."""
        name, is_other = self._stands_for(image, serves=serves)
        backend: Backend = self._process
        if name not in self._images.commands:
            backend = docker = self._in_docker()
            if is_other and docker.has(image):
                name, is_other = image, False
        remark = self._images.remark(image, name) if is_other else ""
        try:
            backend.prepare(name)
        except CannotStart as error:
            raise CannotStart(f"{remark} {error}".lstrip()) from None
        return Chosen(backend=backend, image=name, remark=remark)

    def _stands_for(self, image: str, *, serves: bool = False) -> tuple[str, bool]:
        """As ImageTable.stands_for; an image of this server's own registry stands for itself."""
        if image not in self._images.commands and pull_reference(self._context, image) is not None:
            return image, False
        return self._images.stands_for(image, serves=serves)

    def find(self, folder: Path) -> Container | None:
        """The container that was started with this folder, running or ended; None when there never was one.

        Raises CannotStart where it is the engine's, and the engine cannot be asked.
        """
        return self.started(folder).find(folder)

    def started(self, folder: Path) -> Backend:
        """The backend in which the container of this folder was started."""
        return self._in_docker() if "container" in note_of(folder) else self._process

    def _in_docker(self) -> "DockerBackend":
        with self._first:
            if self._docker is None:
                from .docker_backend import DockerBackend  # the SDK takes a fifth of the server's start, and may not be needed

                self._docker = DockerBackend(self._context.root, partial(pull_reference, self._context), self._images.remedy)
            return self._docker
