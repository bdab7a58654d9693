"""AWS's REST protocols: method, path, query and headers in; status, headers and XML out. Serves s3, and the way in of
sagemaker-runtime.

Bodies that stream (PutObject, GetObject) are not read or written here: the server passes them by.
"""

import functools
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, BinaryIO

from botocore.model import OperationModel, Shape, StructureShape

from ..errors import AwsError
from .service_models import service_model
from .wire_xml import HEADER, escape, from_text, parse_xml, render_element, render_members, to_text

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
ROOTS = {
    "ListBuckets": "ListAllMyBucketsResult",
    "ListObjects": "ListBucketResult",
    "ListObjectsV2": "ListBucketResult",
    "DeleteObjects": "DeleteResult",
    "GetObjectTagging": "Tagging",
    "CreateMultipartUpload": "InitiateMultipartUploadResult",
    "CompleteMultipartUpload": "CompleteMultipartUploadResult",
    "ListParts": "ListPartsResult",
    "ListMultipartUploads": "ListMultipartUploadsResult",
}
_SIGNING = frozenset(
    ("x-amz-date", "x-amz-content-sha256", "x-amz-security-token", "x-amz-decoded-content-length", "x-amz-trailer", "x-amz-te")
)
_EVERYWHERE = ("x-amz-sdk-", "x-amz-checksum-", "x-amz-user-agent")  # the body's checksums are verified whatever it is


@dataclass(frozen=True, slots=True)
class FilePart:
    """A body that is a byte range of an open file, `length` bytes from `offset`. The server sends and closes it."""

    file: BinaryIO
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class RestRequest:
    """What a REST request asks for: `label` values are the URI's (Bucket, Key), names of headers are lower-case."""

    method: str
    labels: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass(slots=True)
class RestReply:
    """What goes back."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | FilePart = b""


@dataclass(frozen=True, slots=True)
class _Route:
    name: str
    method: str
    labels: int
    constants: frozenset[tuple[str, str]]
    query: frozenset[str]
    headers: frozenset[str]

    def matches(self, request: RestRequest) -> bool:
        return (
            self.method == request.method
            and self.labels == len(request.labels)
            and all(request.query.get(name) == value for name, value in self.constants)
            and self.query <= request.query.keys()
            and self.headers <= request.headers.keys()
        )


def route(request: RestRequest, implemented: Collection[str]) -> str:
    """The name of the S3 operation that a request means. Raises MethodNotAllowed when it means none."""
    found = [known for known in _routes() if known.matches(request)]
    if not found:
        raise AwsError("MethodNotAllowed", "The specified method is not allowed against this resource.", 405)
    return max(found, key=lambda one: (len(one.constants) + len(one.query) + len(one.headers), one.name in implemented)).name


def parse(operation: OperationModel, request: RestRequest, body: bytes) -> dict[str, Any]:
    """The members of a request, still to be checked. `body` is the XML payload, empty where the payload streams.

    Raises NotImplemented naming an `x-amz-` header, and InvalidArgument naming a query field, that the model lacks.
    """
    shape = operation.input_shape
    members: dict[str, Any] = {}
    known_query = {name for name, _ in _constants(operation)} | {"x-id"}
    known_headers = set(_SIGNING)
    for name, member in shape.members.items():
        place, wire = member.serialization.get("location"), member.serialization.get("name", name)
        if place == "uri":
            members[name] = request.labels[wire]
        elif place == "querystring":
            known_query.add(wire)
            if wire in request.query:
                members[name] = _value(member, request.query[wire])
        elif place == "header":
            known_headers.add(wire.lower())
            if wire.lower() in request.headers:
                members[name] = _value(member, request.headers[wire.lower()])
        elif place == "headers":
            members[name] = _prefixed(wire.lower(), request.headers)
            known_headers |= {header for header in request.headers if header.startswith(wire.lower())}
    _refuse_unknown(request, known_query, known_headers)
    payload = shape.serialization.get("payload")
    if payload and isinstance(shape.members[payload], StructureShape) and body:
        members[payload] = parse_xml(body, shape.members[payload])
    return members


def render(operation: OperationModel, reply: Mapping[str, Any], status: int) -> RestReply:
    """An answer. A `Body` that is a FilePart streams."""
    answer = RestReply(status)
    shape = operation.output_shape
    if shape is None:
        return answer
    inner: dict[str, Any] = {}
    for name, value in reply.items():
        member = shape.members[name]
        place, wire = member.serialization.get("location"), member.serialization.get("name", name)
        if value is None:
            continue
        if place == "header":
            answer.headers[wire] = to_text(member, value, header=True)
        elif place == "headers":
            answer.headers.update({wire + key: text for key, text in value.items()})
        elif name == shape.serialization.get("payload") and isinstance(value, FilePart | bytes):
            answer.body = value
        else:
            inner[name] = value
    payload = shape.serialization.get("payload")
    if payload in inner:
        parts = [HEADER]
        render_element(shape.members[payload], inner[payload], payload, parts, NAMESPACE)
        answer.body = "".join(parts).encode(errors="replace")
    elif operation.name in ROOTS or operation.name == "GetBucketLocation":
        answer.body = _document(operation, shape, inner)
    if answer.body and not isinstance(answer.body, FilePart):
        answer.headers["Content-Type"] = "application/xml"
    return answer


def render_error(error: AwsError, resource: str, request_id: str) -> bytes:
    """An error as every S3 client reads it."""
    extra = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in error.fields.items())
    return (
        f"{HEADER}<Error><Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>{extra}"
        f"<Resource>{escape(resource)}</Resource><RequestId>{request_id}</RequestId></Error>"
    ).encode(errors="replace")


def _document(operation: OperationModel, shape: StructureShape, inner: Mapping[str, Any]) -> bytes:
    parts = [HEADER]
    if operation.name == "GetBucketLocation":  # its one member is the document itself
        parts.append(
            f'<LocationConstraint xmlns="{NAMESPACE}">{escape(inner.get("LocationConstraint", ""))}</LocationConstraint>'
        )
    else:
        root = ROOTS[operation.name]
        parts.append(f'<{root} xmlns="{NAMESPACE}">')
        render_members(shape, inner, parts)
        parts.append(f"</{root}>")
    return "".join(parts).encode(errors="replace")


def _value(shape: Shape, text: str) -> Any:
    if shape.type_name == "timestamp":
        try:
            return parsedate_to_datetime(text).timestamp()
        except (ValueError, OverflowError):
            return text
    return from_text(shape, text)


def _prefixed(prefix: str, headers: Mapping[str, str]) -> dict[str, str]:
    return {name.removeprefix(prefix): text for name, text in headers.items() if name.startswith(prefix)}


def _refuse_unknown(request: RestRequest, query: Collection[str], headers: Collection[str]) -> None:
    for name in request.query:
        if name not in query:
            raise AwsError("InvalidArgument", f"The query field {name!r} is not known to this operation.")
    for name in request.headers:
        if name.startswith("x-amz-") and name not in headers and not name.startswith(_EVERYWHERE):
            message = f"A header you provided implies functionality that is not implemented: {name}"
            raise AwsError("NotImplemented", message, 501, {"Header": name})


def _constants(operation: OperationModel) -> list[tuple[str, str]]:
    _, _, query = operation.http["requestUri"].partition("?")
    return [(name, value) for name, _, value in (part.partition("=") for part in query.split("&") if part)]


@functools.cache
def _routes() -> tuple[_Route, ...]:
    model = service_model("s3")
    return tuple(_route(model.operation_model(name)) for name in model.operation_names if name != "WriteGetObjectResponse")


def _route(operation: OperationModel) -> _Route:
    shape = operation.input_shape
    needed: dict[str, set[str]] = {"querystring": set(), "header": set()}
    for name in shape.required_members if shape else ():
        place = shape.members[name].serialization.get("location")
        if place in needed:
            wire = shape.members[name].serialization["name"]
            needed[place].add(wire.lower() if place == "header" else wire)
    return _Route(
        operation.name,
        operation.http["method"],
        operation.http["requestUri"].count("{"),
        frozenset(_constants(operation)),
        frozenset(needed["querystring"]),
        frozenset(needed["header"]),
    )
