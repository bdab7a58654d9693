"""The Docker engine as this server sees it: reached when it is first needed, asked for images, told apart from broken.

Where the engine is, DOCKER_HOST and Docker's own default say. Containers and networks of this server carry its root as a label.
At the first contact what an earlier server of this root left without a folder is removed. It starts nothing (docker_backend.py).
"""

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.models.containers import Container
from docker.models.images import Image

from .backend import CannotStart, exit_code_of, note_of

LABEL = "local-sagemaker"
ROOT, FOLDER, NETWORK = f"{LABEL}.root", f"{LABEL}.folder", f"{LABEL}.network"
"""Labels: the root folder, and of a container its own folder and the network that is its job's own."""
PLATFORM = ("linux", "amd64")
ENGINE_ERRORS = (DockerException, OSError)
"""What the SDK raises: the engine's own errors, and those of the way there."""

PullReference = Callable[[str], tuple[str, dict[str, str]] | None]
"""What to pull for an image of this server's own registry, and the login; None for any other image."""

log = logging.getLogger(__name__)


class Engine:
    """One engine, used by every thread of this server. `lock` is held by whoever makes or removes networks."""

    def __init__(self, root: Path, pull_reference: PullReference, remedy: Callable[[str], str]) -> None:
        self.root = root
        self._pull_reference = pull_reference
        self._remedy = remedy
        self.lock = threading.Lock()
        self.memory = 0
        self.has_gpus = False
        self._contact = threading.Lock()
        self._client: docker.DockerClient | None = None

    def client(self) -> docker.DockerClient:
        """The connection. Raises CannotStart while there is no engine; the next call tries again."""
        with self._contact:
            if self._client is None:
                try:
                    client = docker.from_env()
                    about = client.info()
                    self.memory, self.has_gpus = about["MemTotal"], "nvidia" in about.get("Runtimes", {})
                    self._sweep(client)
                except ENGINE_ERRORS as error:
                    raise CannotStart(f"no Docker engine answers ({in_short(error)})") from None
                self._client = client
            return self._client

    def image(self, name: str) -> Image:
        """The image, from the engine. Raises CannotStart: not there, or made for another machine."""
        try:
            image = self._found(name)
        except CannotStart as error:
            raise CannotStart(f"Cannot find the requested image: {name}: {error}. {self._remedy(name)}") from None
        except ImageNotFound:
            raise CannotStart(
                f"Cannot find the requested image: {name}: the Docker engine has none of that name; build or pull it."
                f" {self._remedy(name)}"
            ) from None
        except ENGINE_ERRORS as error:
            raise CannotStart(f"Cannot find the requested image: {name}: {in_short(error)}.") from None
        if problem := wrong_platform(name, image.attrs):
            raise CannotStart(problem)
        return image

    def has(self, name: str) -> bool:
        """Whether the engine has an image of this name; False where it cannot be asked."""
        try:
            self.client().images.get(name)
        except (CannotStart, *ENGINE_ERRORS):
            return False
        return True

    def _found(self, name: str) -> Image:
        """The engine's own image, or the one that was pushed to this server: pulled, and a tag is asked for anew each time."""
        ours = self._pull_reference(name)
        if ours is None:
            return self.client().images.get(name)
        reference, auth = ours
        if "@" in reference:
            with suppress(ImageNotFound):
                return self.client().images.get(reference)
        return self.client().images.pull(reference, auth_config=auth)

    def container(self, name: str) -> Container | None:
        """A container by its name; None where the engine has none. Raises CannotStart when it cannot be asked."""
        try:
            return self.client().containers.get(name)
        except NotFound:
            return None
        except ENGINE_ERRORS as error:
            raise CannotStart(f"the Docker engine cannot be asked for container {name}: {in_short(error)}") from None

    def remove(self, container: Container) -> None:
        """Removes a container, running or not, and the network of its job when nothing is left in it."""
        try:
            container.remove(force=True, v=True)
        except APIError as error:
            if error.status_code not in (404, 409):  # gone, or being removed already
                raise
        network = container.labels.get(NETWORK)
        if network:
            with self.lock:
                self._remove_network(self.client(), network)

    def _remove_network(self, client: docker.DockerClient, name: str) -> None:
        try:
            client.api.remove_network(name)
        except APIError as error:
            if error.status_code not in (403, 404, 409):  # other hosts of the job are in it, or it is gone
                raise

    def _sweep(self, client: docker.DockerClient) -> None:
        """Removes containers of this root that no folder names as running, and networks that nothing runs in."""
        mine: dict[str, str | list[str] | bool] | None = {"label": f"{ROOT}={self.root}"}
        for container in client.containers.list(all=True, filters=mine, ignore_removed=True):
            folder = Path(container.labels[FOLDER])
            if note_of(folder).get("container") != container.name or exit_code_of(folder) is not None:
                log.warning("removing a container left over: %s", container.name)
                container.remove(force=True, v=True)
        for network in client.networks.list(filters=mine):
            self._remove_network(client, str(network.id))


def wrong_platform(name: str, attributes: Mapping[str, Any]) -> str | None:
    """Why an image cannot run here, from its own description; None for linux/amd64."""
    found = attributes.get("Os", ""), attributes.get("Architecture", "")
    if found == PLATFORM:
        return None
    return (
        f"Image {name} is made for {'/'.join(found)}, and SageMaker runs {'/'.join(PLATFORM)}: exec format error."
        f" Build it with --platform {'/'.join(PLATFORM)}."
    )


def in_short(error: Exception) -> str:
    """What the engine said, without the layers it came through."""
    text = error.explanation if isinstance(error, APIError) and error.explanation else str(error)
    text = " ".join(str(text).split()).removesuffix(": unknown").rstrip(".")
    start = text.rfind('exec: "')
    return text[start:] if start >= 0 else text[-300:]
