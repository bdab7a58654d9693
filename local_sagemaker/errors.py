"""What can go wrong in the local SageMaker: AWS's own errors, and the server's refusal to start.

`AwsError` is an answer to a client, in AWS's words. `StartError` is for the person who starts the server.
Neither is for our own bugs: those are InternalFailure, with the traceback in the server's log.
"""

from collections.abc import Mapping
from shlex import quote
from typing import Any


class AwsError(Exception):
    """An error a client sees. `code` and `message` are AWS's; `status` is the HTTP status.

    `fields` are further members of the error's shape (ModelError has OriginalStatusCode, for example).
    """

    def __init__(self, code: str, message: str, status: int = 400, fields: Mapping[str, Any] | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.fields: dict[str, Any] = dict(fields or {})


class StartError(Exception):
    """The server cannot start. One line: what, which value, what to do."""


class Exists(Exception):
    """The store has this (kind, name) already. Services turn it into ResourceInUse or what their API says."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"{kind} {name!r} exists already")
        self.kind = kind
        self.name = name


class Missing(Exception):
    """The store has no such (kind, name). Services turn it into not-found in their API's words."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"{kind} {name!r} does not exist")
        self.kind = kind
        self.name = name


def validation(message: str) -> AwsError:
    """ValidationException: the request is wrong. SageMaker also says this for most things it cannot find."""
    return AwsError("ValidationException", message)


def missing_bucket(what: str, bucket: str) -> AwsError:
    """ValidationException: a request names a bucket that is not here, and the command that makes it."""
    return validation(f"{what}: the bucket {bucket!r} does not exist here. `aws s3 mb {quote(f's3://{bucket}')}` makes it.")


def not_found(message: str) -> AwsError:
    """ResourceNotFound, as SageMaker names it."""
    return AwsError("ResourceNotFound", message)


def in_use(message: str) -> AwsError:
    """ResourceInUse: the name is taken, or the resource is in a state that forbids the call."""
    return AwsError("ResourceInUse", message)


def unsupported(operation: str, member: str) -> AwsError:
    """A member that AWS accepts and this server does not act on. It is named, never ignored."""
    return validation(
        f"{member} is not supported by {operation} on the local SageMaker. Leave it out, or run this request on AWS."
    )


def unknown_operation(service: str, operation: str) -> AwsError:
    """An operation that this server does not have."""
    return AwsError("UnknownOperationException", f"{operation} of {service} is not implemented by the local SageMaker.")


def unavailable(message: str) -> AwsError:
    """503: the server cannot keep state at the moment (a full disk, for example). Nothing was changed."""
    return AwsError("ServiceUnavailable", message, 503)


def no_such_bucket(bucket: str) -> AwsError:
    """S3: the bucket is not there."""
    return AwsError("NoSuchBucket", "The specified bucket does not exist", 404, {"BucketName": bucket})


def no_such_key(key: str) -> AwsError:
    """S3: the object is not there."""
    return AwsError("NoSuchKey", "The specified key does not exist.", 404, {"Key": key})
