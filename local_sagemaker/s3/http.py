"""From an HTTP request to an S3 operation and back.

Bodies go to disk as they come, and leave by sendfile, so memory stays flat whatever their size.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

from aiohttp import web

from ..context import Platform
from ..errors import AwsError
from ..protocol import wire_rest
from ..protocol.bodies import Bodies
from ..protocol.replies import send
from ..protocol.service_models import operation_model
from ..protocol.signature import SIGNATURE_FIELDS, VERSION_2_FIELDS, Claim, Signed, headers_in_query, verify
from ..protocol.validation import check
from ..protocol.wire_rest import RestReply, RestRequest
from ..storage.objects import BUCKET
from . import operations, permissions
from .upload_body import Incoming, check_small

XML_BYTES = 8 * 1024**2
_STATUS = {"GetObject": 206, "HeadObject": 206}  # where a range was asked for and given

InThread = Callable[..., Awaitable[Any]]


class S3Http:
    """Answers S3 requests."""

    def __init__(self, platform: Platform, in_thread: InThread, bodies: Bodies) -> None:
        self._platform = platform
        self._bodies = bodies
        self._in_thread = in_thread

    async def answer(
        self, request: web.BaseRequest, signed: Signed, claim: Claim, platform: Platform, request_id: str
    ) -> web.StreamResponse:
        """Verifies, routes, performs, answers. `platform` has the caller that the claim names."""
        if claim.payload is None:
            raise AwsError("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
        verify(signed, claim, None, platform.caller.access_key, platform.caller.secret_key, time.time())
        rest = _rest(signed, claim)
        name = wire_rest.route(rest, operations.OPERATIONS)
        if name not in operations.OPERATIONS:
            raise AwsError("NotImplemented", f"{name} is not implemented by the local SageMaker.", 501)
        if name in operations.STREAMING:
            members = await self._in_thread(self._checked, platform, name, rest, b"")
            reply = await self._received(request, name, members, rest.headers, claim.payload)
        else:
            body = await self._bodies.read(request, XML_BYTES)
            check_small(rest.headers, body, claim.payload)
            members = await self._in_thread(self._checked, platform, name, rest, body)
            reply = await self._in_thread(self._perform, name, members)
        reply.headers |= {"x-amz-request-id": request_id, "X-Content-Type-Options": "nosniff"}
        return await send(request, reply)

    def _checked(self, platform: Platform, name: str, rest: RestRequest, body: bytes) -> dict[str, Any]:
        model = operation_model("s3", name)
        try:
            members = check(model.input_shape, wire_rest.parse(model, rest, body))
            permissions.check(platform, name, members)
            operations.OPERATIONS[name].refuse_unsupported(name, model.input_shape, members)
        except AwsError as error:
            if error.code in ("ValidationException", "SerializationException"):
                raise AwsError("InvalidArgument", error.message) from None
            raise
        if "Bucket" in members and not BUCKET.match(members["Bucket"]):
            raise AwsError("InvalidBucketName", "The specified bucket is not valid.", 400, {"BucketName": members["Bucket"]})
        if name in operations.STREAMING:
            self._platform.objects.check_target(members["Bucket"], members["Key"])
        return members

    def _perform(self, name: str, members: dict[str, Any]) -> RestReply:
        reply = operations.OPERATIONS[name].function(self._platform, members)
        model = operation_model("s3", name)
        status = _STATUS.get(name) if "ContentRange" in reply else None
        return wire_rest.render(model, reply, status or model.http.get("responseCode", 200))

    async def _received(
        self, request: web.BaseRequest, name: str, members: dict[str, Any], headers: Mapping[str, str], payload: str | None
    ) -> RestReply:
        writer = await self._in_thread(self._platform.objects.blobs.new)
        try:
            incoming = Incoming(writer, headers, payload)
            async for piece in self._bodies.pieces(request):
                await self._in_thread(incoming.feed, piece)
            await self._in_thread(incoming.finish)
            return await self._in_thread(self._perform, name, members | {"Body": incoming})
        except BaseException:
            writer.discard()
            raise


def _labels(signed: Signed) -> dict[str, str]:
    """Bucket and key of a path. The key keeps every character it came with: `..` and `//` are part of its name."""
    try:
        path = unquote_to_bytes(signed.path[1:]).decode()
    except UnicodeDecodeError:
        raise AwsError("InvalidURI", "Couldn't parse the specified URI.") from None
    if signed.bucket:
        bucket, key = signed.bucket, path
    else:
        bucket, _, key = path.partition("/")
    if not bucket and not key:
        return {}
    return {"Bucket": bucket, "Key": key} if key else {"Bucket": bucket}


def _rest(signed: Signed, claim: Claim) -> RestRequest:
    """The request without its signature; headers that a presigned URL carries in its query are headers again."""
    try:
        query = dict(parse_qsl(signed.query, keep_blank_values=True, errors="strict", max_num_fields=200))
    except ValueError:
        raise AwsError("InvalidURI", "Couldn't parse the specified URI.") from None
    headers = dict(signed.headers)
    if claim.in_query:
        in_query = headers_in_query(signed.query)
        headers |= in_query
        dropped = (
            SIGNATURE_FIELDS | in_query.keys() | ({name.lower() for name in VERSION_2_FIELDS} if claim.version == 2 else set())
        )
        query = {name: value for name, value in query.items() if name.lower() not in dropped}
    return RestRequest(signed.method, _labels(signed), query, headers)
