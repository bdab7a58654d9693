"""A Target sends requests to AWS or to the local SageMaker. No other file knows which of them it talks to.

local: the server of this checkout, started when it is not up, with the key that it made. aws: the person's own session.
"""

import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore import xform_name
from botocore.exceptions import ClientError

from scripts import config
from scripts.aws import environment, local_server
from scripts.aws.calls import Call
from scripts.aws.clients import local_session, options
from scripts.aws.settings import Settings
from scripts.errors import LaunchError


class Target:
    """Where requests go. `poll`: seconds between two looks at something that takes time. Threads may share it."""

    def __init__(self, session: boto3.Session, region: str, poll: float, endpoint_url: str | None = None) -> None:
        self.poll, self.region = poll, region
        self._session, self._endpoint_url = session, endpoint_url
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._options = options(local=endpoint_url is not None)

    def client(self, service: str) -> Any:
        """The boto3 client of a service, the same one each time."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._session.client(
                    service, region_name=self.region or None, endpoint_url=self._endpoint_url, config=self._options
                )
            return self._clients[service]

    def send(self, call: Call) -> dict[str, Any]:
        """Send a request; a Path in it is opened and its bytes are sent. Raises what botocore raises."""
        with ExitStack() as files:
            request = {
                name: files.enter_context(value.open("rb")) if isinstance(value, Path) else value
                for name, value in call.request.items()
            }
            return getattr(self.client(call.service), xform_name(call.operation))(**request)

    def ask(self, service: str, operation: str, **request: Any) -> dict[str, Any]:
        return self.send(Call(service, operation, request))

    def find(self, service: str, operation: str, **request: Any) -> dict[str, Any] | None:
        """As `ask`, None for something that is not there."""
        try:
            return self.ask(service, operation, **request)
        except ClientError as error:
            if is_missing(error):
                return None
            raise


def is_missing(error: ClientError) -> bool:
    """Whether an error says that the thing is not there; SageMaker says so in a ValidationException's words."""
    found = error.response.get("Error", {})
    code, message = found.get("Code", ""), found.get("Message", "").lower()
    if code in ("NoSuchEntity", "ResourceNotFound", "NoSuchKey", "404") or code.endswith("NotFoundException"):
        return True
    absent = ("could not find", "not found", "does not exist", "cannot find")
    return code == "ValidationException" and any(words in message for words in absent)


def is_taken(error: ClientError) -> bool:
    """Whether an error says that the name exists already."""
    found = error.response.get("Error", {})
    return found.get("Code") == "ResourceInUse" or "already exist" in found.get("Message", "").lower()


def misdirected(settings: Settings) -> str | None:
    """Why the AWS variables, AWS_ENDPOINT_URL above all, do not fit the target: the values and what to do; None when they fit."""
    if settings.target == "aws" and (found := environment.problems(config.whole_environment())):
        return "; ".join(found)
    url = config.endpoint_url()
    loopback = url is not None and urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")
    if settings.target == "aws":
        undo = environment.undo(config.whole_environment(), "AWS_ENDPOINT_URL")
        return (
            f"AWS_ENDPOINT_URL={url}: this is the local SageMaker, not AWS; {undo}, or use --target local" if loopback else None
        )
    server = local_server.running(settings)
    if url is not None and loopback and server and url.rstrip("/") != server.url:
        return f'AWS_ENDPOINT_URL={url}: local SageMaker is on {server.url}; eval "$(kennel env)"'
    return None


def asleep(settings: Settings) -> bool:
    """Whether there is nobody to ask unless `connect` starts a server."""
    if settings.target == "aws":
        return False
    return local_server.running(settings) is None


def connect(settings: Settings) -> Target:
    """The target that the settings name. Raises LaunchError when it cannot be reached or would not be what it says."""
    if settings.target == "local":
        server = local_server.ensure(settings)
        session = local_session(server.access_key, server.secret_key)
        return Target(session, settings.region, poll=0.5, endpoint_url=server.url)
    if problem := misdirected(settings):
        raise LaunchError(problem)
    return Target(boto3.Session(), settings.region, poll=10.0)
