"""One serving instance: a container, its port, its log, its health. What it serves is a Plan; why it runs is fleet.py's."""

import contextlib
import logging
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..containers import backend, execution_role
from ..containers.backend import NOT_ISOLATED, Backend, CannotStart, Container, ContainerSpec, base_of, log_of
from ..containers.backends import Backends
from ..containers.container_log import STOP_PATIENCE, LogFollower, tail
from ..containers.folder_removal import remove_tree
from ..containers.untrusted_folder import Refused
from ..context import Context
from ..errors import AwsError
from ..storage.full_disk import refused_by_disk
from .endpoint_state import InstanceState, Variant
from .health_check import is_healthy
from .invocation import Target
from .loaded_models import LoadedModels
from .model_data import BadModelData, is_multi_model, lay_out_model, model_source
from .model_files import ModelFiles

log = logging.getLogger(__name__)
MODELS = "models"
"""The folder below /opt/ml of the models of a multi-model endpoint."""
PING_TIMEOUT = 2.0
STOP_GRACE = 30.0
PING_EVERY = 5.0
BAD_PINGS = 3
"""Failed pings in a row after which an instance that served counts as dead."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose instances they are. `name`: "endpoint/NAME" or "transform-job/NAME"; `log_group`: where their logs are;
    `describes`: the operation with which a container may look at its owner."""

    name: str
    log_group: str
    describes: str

    def holder(self, instance: str) -> str:
        """Who holds the key of the instance with this id."""
        return f"{self.name}/{instance}"


def owner_of_endpoint(name: str) -> Owner:
    """An endpoint as the owner of its instances."""
    return Owner(f"endpoint/{name}", f"{execution_role.ENDPOINT_LOGS}/{name}", "DescribeEndpoint")


def new_id() -> str:
    """The id of a new instance, as EC2 writes them."""
    return f"i-{secrets.token_hex(8)}"


@dataclass
class Instance:
    """A container of an endpoint or a transform job. `state` is what its owner's record keeps of it: id, stream, offset."""

    context: Context
    backends: Backends
    owner: Owner
    folder: Path
    variant: Variant
    state: InstanceState
    target: Target
    running: Container | None = None
    ready: bool = False
    bad_pings: int = 0
    port_was_taken: bool = False
    pinged: float = field(default=0.0)

    @classmethod
    def make(
        cls,
        context: Context,
        backends: Backends,
        endpoint: str,
        variant: Variant,
        fleet: Path,
        state: InstanceState | None = None,
    ) -> "Instance":
        """An instance of a variant in a fleet's folder: a new one, or the one whose state the record kept."""
        if state is None:
            name = new_id()
            state = {"id": name, "stream": f"{variant['name']}/{name}", "offset": 0}
        folder = fleet / variant["name"] / state["id"]
        return cls(context, backends, owner_of_endpoint(endpoint), folder, variant, state, Target("", variant["name"]))

    def __post_init__(self) -> None:
        self.models = self.target.models = self._many()
        self._follower = LogFollower(
            self.context.events, self.owner.log_group, self.state["stream"], log_of(self.folder), self.state["offset"]
        )

    def _many(self) -> LoadedModels | None:
        """The models of a container of many."""
        container = self.variant["container"]
        if not is_multi_model(container) or (source := model_source(container)) is None:
            return None
        files = ModelFiles(self.context.objects, source[0], source[1], base_of(self.folder) / MODELS)
        keeps = container.get("MultiModelConfig", {}).get("ModelCacheSetting") != "Disabled"
        return LoadedModels(files, self.say, keeps=keeps)

    def start(self) -> None:
        """Lays the model out and starts the container. Raises CannotStart or BadModelData."""
        remove_tree(self.folder)
        container = self.variant["container"]
        chosen = self.backends.choose(container["Image"], serves=True)
        own = chosen.backend
        if chosen.remark:
            self.say(chosen.remark)
        if self.variant["isolated"] and not own.isolates_network:
            self.say(NOT_ISOLATED)
        data, settings = self._lay_out(link=own.mounts_read_only)
        self.running = own.start(
            ContainerSpec(
                folder=self.folder,
                image=chosen.image,
                arguments=("serve",),
                environment={
                    **self._credentials(own),
                    **container.get("Environment", {}),
                    **settings,
                    "SAGEMAKER_REGION": self.context.region,
                    "AWS_REGION": self.context.region,
                },
                read_only=(data,),
                serves=True,
                isolated=self.variant["isolated"],
                instance_type=self.variant["instance_type"] or "",
            )
        )
        self._reach(self.running)

    def _lay_out(self, *, link: bool) -> tuple[str, dict[str, str]]:
        """Lays the model out, or an empty folder for many; returns the folder below /opt/ml, and variables that tell of it."""
        container, base = self.variant["container"], base_of(self.folder)
        if is_multi_model(container):
            (base / MODELS).make()
            return MODELS, {"SAGEMAKER_MULTI_MODEL": "true"}
        lay_out_model(self.context.objects, container, base / "model", link=link)
        return "model", {}

    def _reach(self, container: Container) -> None:
        """Notes where the container is, and where it sees its models."""
        self.target.address = container.address()
        if self.models is not None:
            self.models.url = f"{self.backends.started(self.folder).seen_base(self.folder)}/{MODELS}"

    def _credentials(self, own: Backend) -> dict[str, str]:
        """The key of this instance, where it can call this server."""
        role, container = self.variant.get("role"), self.variant["container"]
        if not role or self.variant["isolated"] or not own.reaches_us:
            return {}
        owner = self.owner
        calls = {owner.describes: owner.name.rpartition("/")[2]}
        permissions = execution_role.of_instance(owner.log_group, self.state["stream"], calls, container, model_source(container))
        return self.context.credentials(self.holder, role, permissions)

    @property
    def holder(self) -> str:
        """Who holds the key of this instance."""
        return self.owner.holder(self.state["id"])

    def find(self) -> bool:
        """Takes up the container that the last server started; False where it does not run."""
        self.running = self.backends.find(self.folder)
        if self.running is not None:
            self._reach(self.running)
            if self.models is not None:
                self.models.adopt()
        return self.alive

    @property
    def alive(self) -> bool:
        """Whether the container runs."""
        return self.running is not None and self.running.exit_code() is None

    def ping(self) -> bool:
        """GET /ping; 200 within 2 s is healthy, if it is the container that answers."""
        self.pinged = time.monotonic()
        if not is_healthy(self.target.address, PING_TIMEOUT):
            return False
        if self.running is not None and self.running.port_is_taken():
            if not self.port_was_taken:
                self.say(f"Another program listens at {self.target.address}: what it answers to /ping does not count.")
            self.port_was_taken = True
            return False
        return True

    def maintain(self) -> bool:
        """Takes new log lines in, and pings when it is time; False when the instance is to be replaced."""
        self.read_log()
        if not self.alive:
            self.ready = False
        elif self.ready and time.monotonic() - self.pinged >= PING_EVERY:
            self.bad_pings = 0 if self.ping() else self.bad_pings + 1
        return self.alive and self.bad_pings < BAD_PINGS

    def read_log(self) -> None:
        """Takes new log lines in; what a full disk refuses is taken in later. An instance's health does not depend on that.

        A container that has put something else in the place of its log is ended; `last_words` says so.
        """
        try:
            with self._full_disk_matters_not():
                self._follower.poll()
        except (Refused, PermissionError):
            if self.running is not None:
                self.running.kill()
        self.state["offset"] = self._follower.offset

    def say(self, text: str) -> None:
        """A line of the platform's own in the instance's log, unless the disk is full."""
        with self._full_disk_matters_not():
            self.context.events.append(self.owner.log_group, self.state["stream"], [f"[platform] {text}"])

    def _read_rest(self) -> None:
        until = time.monotonic() + STOP_PATIENCE
        with self._full_disk_matters_not(), contextlib.suppress(Refused, OSError):
            while self._follower.rest(until) is not None:
                self.state["offset"] = self._follower.offset

    @contextlib.contextmanager
    def _full_disk_matters_not(self) -> Iterator[None]:
        try:
            yield
        except AwsError as error:
            if not refused_by_disk(error):
                raise
            log.warning("the log of %s waits: %s", self.folder.name, error.message)

    def last_words(self) -> str:
        """How the container ended, and what it printed last."""
        code = self.running.exit_code() if self.running else None
        ended = "" if code is None else f"The container exited with code {code}. "
        if self.port_was_taken:
            ended += f"Another program listens at its port, {self.target.address}; the next instance gets another port. "
        words = tail(log_of(self.folder))
        return f"{ended}Last log lines: {words}" if words else f"{ended}It printed nothing."

    def terminate(self) -> None:
        """SIGTERM."""
        self.ready = False
        if self.running is not None:
            self.running.terminate()

    def stop(self, grace: float = STOP_GRACE) -> None:
        """SIGTERM, up to `grace` seconds, SIGKILL; nothing is left, on disk either."""
        self.ready = False
        if self.running is not None:
            backend.stop(self.running, grace)
        if self.models is not None:
            self.models.close()
        self.context.keys.withdraw(self.holder)
        self._read_rest()
        remove_tree(self.folder)


START_ERRORS = (CannotStart, BadModelData)
