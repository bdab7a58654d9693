"""Containers in a Docker engine, as SageMaker runs them: `docker run IMAGE train`, `docker run IMAGE serve`.

What of a container's folder lies directly below opt/ml is bind-mounted at /opt/ml (so an image's own /opt/ml/code stays
visible); input data and models cannot be written to, nor can a folder above them be renamed. The hosts of a training job have a
bridge network of their own, in which their names resolve. A serving container answers at a loopback port, an isolated one at its
address on a network of its own that leads nowhere. A container that calls this server is on this machine's own network, where the
names of its job's hosts all lead to this machine. The instance type decides one thing: whether GPUs are asked for. There is no
limit on memory and CPUs.
"""

import hashlib
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from docker.types import DeviceRequest, LogConfig, Mount

from .backend import (
    EXIT,
    SERVING_PORT,
    WITHOUT_GPUS,
    CannotStart,
    Container,
    ContainerSpec,
    exit_code_of,
    note_of,
    write_note,
)
from .docker_container import DockerContainer, EndedContainer
from .docker_engine import ENGINE_ERRORS, FOLDER, NETWORK, ROOT, Engine, PullReference, in_short
from .port_owner import free_port
from .untrusted_folder import UntrustedFolder

ML = "/opt/ml"
SHARED_MEMORY = 0.5
"""The share of the machine's memory that /dev/shm may take: what Linux gives it outside of containers."""
GPU_INSTANCES = ("ml.g", "ml.p")
YIELDING_SHARES = 256
"""Of the CPU, for a container that yields to others, which have 1,024 each."""
LOG_OPTIONS = {"max-size": "1t"}
"""The engine must keep all that a container prints, whatever it does by default: see docker_container.py."""


class DockerBackend:
    """Runs containers in the engine."""

    reaches_us = False
    isolates_network = True
    mounts_read_only = True

    def __init__(self, root: Path, pull_reference: PullReference, remedy: Callable[[str], str]) -> None:
        """`remedy`: what a person can do about an image that is not there."""
        self._engine = Engine(root, pull_reference, remedy)

    def has(self, image: str) -> bool:
        """Whether the engine has an image of exactly this name; False where it cannot be asked."""
        return self._engine.has(image)

    def network_interface(self, hosts: int, *, isolated: bool) -> str:
        """Docker's name for it; a single isolated host has no network."""
        return "lo" if isolated and hosts == 1 else "eth0"

    def cluster_environment(self, hosts: int, *, calls_us: bool) -> dict[str, str]:
        """Host names resolve; on this machine's own network a port has to be the job's own."""
        return ({"MASTER_PORT": str(free_port())} if calls_us else {}) | (WITHOUT_GPUS if hosts > 1 else {})

    def seen_base(self, folder: Path) -> str:
        """Where the platform puts it."""
        return ML

    def prepare(self, image: str) -> None:
        """Has the engine look for the image. Raises CannotStart."""
        self._engine.image(image)

    def start(self, spec: ContainerSpec) -> DockerContainer:
        """Starts the program; returns when it runs. Raises CannotStart."""
        image, client = self._engine.image(spec.image), self._engine.client()
        own = UntrustedFolder(spec.folder)
        own.make("opt/ml")
        own.appender(spec.log.name).close()
        own.delete(EXIT)
        name = "-".join(("sagemaker", *spec.folder.relative_to(self._engine.root).parts[1:], secrets.token_hex(4)))
        network, internal = network_of(spec)
        write_note(spec.folder, {"container": name})
        wanted = create_arguments(
            spec, root=self._engine.root, image=str(image.id), memory=self._engine.memory, has_gpus=self._engine.has_gpus
        )
        created = None
        try:
            with self._engine.lock:
                if network and not client.networks.list(names=[network]):
                    labels = {ROOT: str(self._engine.root)}
                    client.networks.create(network, driver="bridge", internal=internal, labels=labels)
                created = client.containers.create(name=name, **wanted)
                created.start()
            created.reload()
        except ENGINE_ERRORS as error:
            if created is not None:
                self._engine.remove(created)
            raise CannotStart(
                f"CannotStartContainerError. Please ensure the container starts correctly when invoked with"
                f" 'docker run {spec.image} {' '.join(spec.arguments)}': {in_short(error)}"
            ) from None
        return DockerContainer(self._engine, spec.folder, created)

    def find(self, folder: Path) -> Container | None:
        """The container that the folder names; None, and none is left, where it was never started. Raises CannotStart."""
        name = note_of(folder).get("container")
        if not isinstance(name, str):
            return None
        if (code := exit_code_of(folder)) is not None:
            return EndedContainer(code)
        container = self._engine.container(name)
        if container is None:
            return None
        if container.status == "created":
            self._engine.remove(container)
            return None
        return DockerContainer(self._engine, folder, container)


def network_of(spec: ContainerSpec) -> tuple[str | None, bool]:
    """The network that is to be made for a container (None: it needs none of its own), and whether it leads nowhere."""
    if spec.calls_us:
        return None, False
    if spec.hosts:
        return (None, False) if spec.isolated and len(spec.hosts) == 1 else (_network_name(spec.folder.parent), spec.isolated)
    return (_network_name(spec.folder), True) if spec.isolated else (None, False)


def _network_name(folder: Path) -> str:
    return f"sagemaker-{hashlib.sha256(str(folder).encode()).hexdigest()[:16]}"


def create_arguments(spec: ContainerSpec, *, root: Path, image: str, memory: int, has_gpus: bool) -> dict[str, Any]:
    """What the SDK's containers.create is called with, beside the name. `memory`: the engine's, in bytes."""
    network, _ = network_of(spec)
    labels = {ROOT: str(root), FOLDER: str(spec.folder)} | ({NETWORK: network} if network else {})
    gpus = has_gpus and spec.instance_type.startswith(GPU_INSTANCES)
    return {
        "image": image,
        "entrypoint": list(spec.entrypoint) or None,
        "command": list(spec.arguments),
        "environment": dict(spec.environment),
        "hostname": None if spec.calls_us else spec.hostname or None,
        "labels": labels,
        "mounts": mounts(spec.base, spec.read_only),
        "shm_size": int(memory * SHARED_MEMORY),
        "cpu_shares": YIELDING_SHARES if spec.yields else None,
        "cap_drop": ["MKNOD"],  # a device in a folder of this machine would be this machine's
        "init": False,  # the image's program is process 1, whatever the engine does by default
        "log_config": LogConfig(type=LogConfig.types.JSON, config=LOG_OPTIONS),
        "device_requests": [DeviceRequest(count=-1, capabilities=[["gpu"]])] if gpus else None,
        **_networking(spec, network),
    }


def _networking(spec: ContainerSpec, network: str | None) -> Mapping[str, Any]:
    if spec.calls_us:  # we listen on this machine's loopback interface alone
        hosts = spec.hosts or tuple(filter(None, [spec.hostname]))
        return {"network_mode": "host"} | ({"extra_hosts": dict.fromkeys(hosts, "127.0.0.1")} if hosts else {})
    # A resolver of the host's must not carry names out of an isolated network.
    cut_off = {"dns": ["127.0.0.1"]} if spec.isolated else {}
    if network is None and spec.isolated:
        return {"network_mode": "none", "extra_hosts": {spec.hostname: "127.0.0.1"}}
    if network is not None:
        names = {"Aliases": [spec.hostname]} if spec.hostname else {}
        return {"network": network, "networking_config": {network: names}, **cut_off}
    return {"ports": {f"{SERVING_PORT}/tcp": ("127.0.0.1",)}} if spec.serves else {}


def mounts(base: UntrustedFolder, read_only: tuple[str, ...]) -> list[Mount]:
    """The folders directly below `base`, at /opt/ml; those that are read-only, also deeper ones, once more as such.

    Every folder on the way to a read-only one is a mount of its own, too: what is a mount point cannot be renamed, so the program
    cannot put another folder, or a link, in the place of what this server fills.
    """
    on_the_way = {str(parent) for path in read_only for parent in PurePosixPath(path).parents} - {"."}
    return [
        Mount(f"{ML}/{path}", str(base.path / path), type="bind", read_only=path in read_only)
        for path in sorted({*base.folders(), *on_the_way, *read_only})
    ]
