"""Everything an operation may touch, handed to it as one frozen value. Built once, in services.py. It does nothing itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from .config import Image
from .storage.image_index import Registry
from .storage.log_events import Events
from .storage.objects import Objects
from .storage.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class InvokeResult:
    """What an endpoint's container answered: lower-case header names, the body whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Endpoints(Protocol):
    """The live endpoints."""

    async def invoke(self, name: str, headers: Mapping[str, str], body: bytes) -> InvokeResult:
        """InvokeEndpoint: `headers` are the client's, lower-case. Raises AwsError (ModelError, ...)."""
        ...


class Lifecycle(Protocol):
    """A part of the server that runs beside the requests."""

    def start(self) -> None:
        """Takes up what the last server left, before the first request is answered. Called in a thread."""
        ...

    def stop(self) -> None:
        """Ends what it runs; returns when that is done. Called in a thread after the last request."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The server's parts and its identity.

    `clock` gives epoch seconds. `images` maps an image name, as in TrainingImage, to what the process backend runs for it.
    `jobs`, `processing` and `endpoints` are the parts that run containers; `tuning` has the jobs make others.
    """

    root: Path
    store: Store
    objects: Objects
    events: Events
    registry: Registry
    images: Mapping[str, Image]
    clock: Callable[[], float]
    region: str
    account_id: str
    endpoint_url: str
    access_key: str
    secret_key: str
    jobs: Any = None
    processing: Any = None
    tuning: Any = None
    endpoints: Any = None

    def arn(self, service: str, resource: str) -> str:
        """An ARN of this account; IAM's have no region, as on AWS."""
        region = "" if service == "iam" else self.region
        return f"arn:aws:{service}:{region}:{self.account_id}:{resource}"

    def credentials(self) -> dict[str, str]:
        """The environment that lets a container call this server, as AWS gives it its role's credentials."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
        }
