"""What an operation is handed: the server's state and identity, and the parts that run containers. services.py builds both."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from .caller import Caller, Permissions
from .image_table import ImageTable
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


class TrainingJobs(Protocol):
    """The training jobs that run."""

    def create(self, request: dict[str, Any], tuning_job_arn: str | None = None) -> str:
        """Records a checked request and starts the job; returns its ARN. Raises ResourceInUse."""
        ...

    def update(self, name: str, change: Callable[[Any], None]) -> str:
        """Changes the record of a job (a TrainingJob) and tells the job; returns the ARN. Raises Missing."""
        ...

    def request_stop(self, name: str) -> str:
        """Asks a job to stop; returns the status before. Raises Missing."""
        ...

    def interrupt(self, name: str) -> None:
        """Takes the capacity of a managed spot training job back. Raises ValidationException for any other job."""
        ...

    def delete(self, name: str) -> None:
        """Removes a job that has ended. Raises Missing, ResourceInUse."""
        ...


class ProcessingJobs(Protocol):
    """The processing jobs that run."""

    def create(self, request: dict[str, Any], training_job_arn: str | None = None) -> str:
        """Records a checked request and starts the job; returns its ARN. Raises ResourceInUse."""
        ...

    def request_stop(self, name: str) -> str:
        """Asks a job to stop; returns the status before. Raises Missing."""
        ...

    def delete(self, name: str) -> None:
        """Removes a job that has ended. Raises Missing, ResourceInUse."""
        ...


class TuningJobs(Protocol):
    """The tuning jobs that run."""

    def begin(self, name: str) -> None:
        """Runs a recorded tuning job."""
        ...

    def wake(self, name: str) -> None:
        """Tells a tuning job that its record has changed."""
        ...


class TransformJobs(Protocol):
    """The transform jobs that run."""

    def create(self, request: dict[str, Any], model: Mapping[str, Any]) -> str:
        """Records a checked request and starts the job with a model's CreateModel request; returns its ARN.

        Raises ResourceInUse.
        """
        ...

    def request_stop(self, name: str) -> str:
        """Asks a job to stop; returns the status before. Raises Missing."""
        ...


class Endpoints(Protocol):
    """The endpoints that are up."""

    def begin(self, name: str) -> None:
        """Runs a recorded endpoint."""
        ...

    def wake(self, name: str) -> None:
        """Tells an endpoint that its record has changed."""
        ...

    async def invoke(self, name: str, headers: Mapping[str, str], body: bytes) -> InvokeResult:
        """InvokeEndpoint: `headers` are the client's, lower-case. Raises AwsError (ModelError, ...)."""
        ...


class Keys(Protocol):
    """The keys with which this server can be called."""

    def find(self, access_key: str) -> Caller:
        """The holder of a key. Raises InvalidAccessKeyId."""
        ...

    def issue(self, holder: str, role_arn: str, permissions: Permissions) -> Caller:
        """A new key for a container of a job or an instance, in the place of any that `holder` had."""
        ...

    def withdraw(self, holder: str) -> None:
        """Ends the key of a job or an instance, if it has one."""
        ...

    def keep(self, holders: Collection[str]) -> None:
        """Ends the keys of all but these."""
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
    """The server's state and its identity.

    `clock` gives epoch seconds. `images` says what an image name, as in TrainingImage, stands for.
    `caller` is who asks for an operation: the owner, but for a request that a container signed.
    """

    root: Path
    store: Store
    objects: Objects
    events: Events
    registry: Registry
    images: ImageTable
    clock: Callable[[], float]
    region: str
    account_id: str
    endpoint_url: str
    access_key: str
    secret_key: str
    keys: Keys
    caller: Caller

    def arn(self, service: str, resource: str) -> str:
        """An ARN of this account; IAM's have no region, as on AWS."""
        region = "" if service == "iam" else self.region
        return f"arn:aws:{service}:{region}:{self.account_id}:{resource}"

    def credentials(self, holder: str, role_arn: str, permissions: Permissions) -> dict[str, str]:
        """The environment that lets a container call this server with a key of its own, until `holder` has ended."""
        caller = self.keys.issue(holder, role_arn, permissions)
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": caller.access_key,
            "AWS_SECRET_ACCESS_KEY": caller.secret_key,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform(Context):
    """A context, and the parts of the server that run containers: what the operations of SageMaker are handed."""

    training_jobs: TrainingJobs
    processing_jobs: ProcessingJobs
    tuning_jobs: TuningJobs
    transform_jobs: TransformJobs
    endpoints: Endpoints
