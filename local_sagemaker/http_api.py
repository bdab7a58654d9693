"""From an HTTP request to an operation and back: which service is meant, is it signed, what does it say, what is the answer.

The JSON and query services, and InvokeEndpoint, are answered here; S3 is s3/http.py, the image registry registry/http.py.
Sockets are server.py's.
Operations run in worker threads, so a slow one holds up no other.
"""

import asyncio
import hashlib
import re
import sys
import time
import traceback
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, unquote

from aiohttp import web

from . import services
from .context import Platform
from .errors import AwsError, unknown_operation
from .protocol import authorization, wire_json, wire_query, wire_rest
from .protocol.authentication import bucket_of_host, check_scope, protocol_error, service_of
from .protocol.bodies import Bodies
from .protocol.operation import Operation
from .protocol.service_models import QUERY_SERVICES, error_status, find_operation_model, json_targets, operation_model
from .protocol.signature import Claim, Signed, read_claim, verify
from .protocol.validation import check
from .registry.http import API_VERSION, CHALLENGE, RegistryHttp, is_registry, render_error
from .s3.http import S3Http

BODY_BYTES = 16 * 1024**2  # of a request that is not streamed to disk
INVOKE_BYTES = 32 * 1024**2
_INVOCATION = re.compile(r"/endpoints/([^/]+)/(invocations|async-invocations|invocations-response-stream)")
_INVOKE = Operation(
    lambda context, request: {}, "EndpointName Body ContentType Accept CustomAttributes InferenceId TargetVariant TargetModel"
)


class HttpApi:
    """Answers every request of the server."""

    def __init__(self, platform: Platform, pool: ThreadPoolExecutor) -> None:
        self._platform = platform
        self._pool = pool
        self._bodies = Bodies()
        self._s3 = S3Http(platform, self.in_thread, self._bodies)
        self._registry = RegistryHttp(platform, self.in_thread, self._bodies)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """The one handler."""
        request_id = str(uuid.uuid4())
        headers = {name.lower(): value for name, value in request.headers.items()}
        path, _, query = request.raw_path.partition("?")
        protocol = "json" if "x-amz-target" in headers else "registry" if is_registry(path) else "s3"
        try:
            bucket = bucket_of_host(headers.get("host", ""))
            if protocol == "registry" and not bucket:
                return await self._registry.answer(request, path, query, headers)
            if not path.startswith("/"):
                raise AwsError("InvalidURI", "Couldn't parse the specified URI.")
            signed = Signed(request.method, path, query, headers, bucket)
            claim = read_claim(signed)
            service = service_of(signed, claim)
            if protocol != "json":
                protocol = {"s3": "s3", "sagemaker-runtime": "rest"}.get(service, "query")
            check_scope(signed, claim, service, self._platform.region)
            platform = replace(self._platform, caller=self._platform.keys.find(claim.access_key))
            answer = {"s3": self._s3.answer, "json": self._json, "query": self._query, "rest": self._runtime}[protocol]
            return await answer(request, signed, claim, platform, request_id)
        except AwsError as error:
            words = protocol_error("json" if protocol == "rest" else protocol, error) if error.status in (400, 403) else error
            return _refusal(request, protocol, words, request_id)
        except ConnectionError:
            return web.Response(status=400)  # the client went away: nobody reads this
        except Exception:
            traceback.print_exc(file=sys.stderr)
            message = "An internal error occurred in the local SageMaker. Its log has the traceback."
            return _refusal(request, protocol, AwsError("InternalFailure", message, 500), request_id)
        finally:
            self._bodies.release(request)

    async def in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Runs blocking work."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, function, *arguments)

    async def _json(
        self, request: web.BaseRequest, signed: Signed, claim: Claim, platform: Platform, request_id: str
    ) -> web.StreamResponse:
        prefix, _, name = signed.headers["x-amz-target"].partition(".")
        body = await self._verified_body(request, signed, claim, platform, BODY_BYTES)
        service = json_targets().get(prefix)
        if service is None:
            raise unknown_operation(prefix[:100] or "an unnamed service", name[:100])
        content = await self.in_thread(self._perform_json, platform, service, name, body)
        return _response(200, content, wire_json.CONTENT_TYPE, request_id)

    def _perform_json(self, platform: Platform, service: str, name: str, body: bytes) -> bytes:
        members = wire_json.parse(body)
        reply = perform(platform, service, name, members)
        return wire_json.render(operation_model(service, name).output_shape, reply)

    async def _query(
        self, request: web.BaseRequest, signed: Signed, claim: Claim, platform: Platform, request_id: str
    ) -> web.StreamResponse:
        body = await self._verified_body(request, signed, claim, platform, BODY_BYTES)
        if claim.service not in QUERY_SERVICES:
            raise AwsError("UnknownOperationException", f"The service {claim.service!r} is not on the local SageMaker.")
        content = await self.in_thread(self._perform_query, platform, claim.service, body, request_id)
        return _response(200, content, wire_query.CONTENT_TYPE, request_id)

    def _perform_query(self, platform: Platform, service: str, body: bytes, request_id: str) -> bytes:
        fields = wire_query.parse_form(body)
        name = fields.get("Action", "")
        model = find_operation_model(service, name)
        members = wire_query.parse(model.input_shape if model else None, fields)
        reply = perform(platform, service, name, members)
        return wire_query.render(model, reply, request_id)

    async def _runtime(
        self, request: web.BaseRequest, signed: Signed, claim: Claim, platform: Platform, request_id: str
    ) -> web.StreamResponse:
        body = await self._verified_body(request, signed, claim, platform, INVOKE_BYTES)
        found = _INVOCATION.fullmatch(signed.path)
        if found is None or request.method != "POST":
            raise unknown_operation("sagemaker", f"{request.method} {signed.path[:100]}")
        if found[2] != "invocations":
            name = {"async-invocations": "InvokeEndpointAsync"}.get(found[2], "InvokeEndpointWithResponseStream")
            raise unknown_operation("sagemaker-runtime", name)
        model = operation_model("sagemaker-runtime", "InvokeEndpoint")
        labels = {"EndpointName": unquote(found[1])}
        query = dict(parse_qsl(signed.query, keep_blank_values=True))
        rest = wire_rest.RestRequest(request.method, labels, query, signed.headers)
        try:
            members = check(model.input_shape, wire_rest.parse(model, rest, b"") | {"Body": body})
            authorization.check(platform, "sagemaker-runtime", "InvokeEndpoint", members)
            _INVOKE.refuse_unsupported("InvokeEndpoint", model.input_shape, members)
        except AwsError as error:
            if error.code == "AccessDenied":
                raise
            raise AwsError("ValidationError", error.message) from None  # the runtime API has a name of its own for it
        result = await self._platform.endpoints.invoke(labels["EndpointName"], signed.headers, body)
        response = web.Response(status=result.status, body=result.body, headers=dict(result.headers))
        response.headers["x-amzn-RequestId"] = request_id
        return response

    async def _verified_body(
        self, request: web.BaseRequest, signed: Signed, claim: Claim, platform: Platform, limit: int
    ) -> bytes:
        body = await self._bodies.read(request, limit)
        digest = hashlib.sha256(body) if len(body) < 1 << 18 else await self.in_thread(hashlib.sha256, body)
        verify(signed, claim, digest.hexdigest(), platform.caller.access_key, platform.caller.secret_key, time.time())
        return body


def perform(platform: Platform, service: str, name: str, members: Mapping[str, Any]) -> dict[str, Any]:
    """Checks a request against the model and does it. Raises AwsError."""
    model = find_operation_model(service, name)
    operation = services.OPERATIONS.get(service, {}).get(name)
    if model is None or operation is None:
        raise unknown_operation(service, name[:100])
    checked = check(model.input_shape, members)
    authorization.check(platform, service, name, checked)
    operation.refuse_unsupported(name, model.input_shape, checked)
    try:
        return operation.function(platform, checked)
    except AwsError as error:
        error.status = error_status(service, error.code) or error.status
        raise


def _refusal(request: web.BaseRequest, protocol: str, error: AwsError, request_id: str) -> web.Response:
    if protocol == "s3":
        body = b"" if request.method == "HEAD" or error.status == 304 else wire_rest.render_error(error, request.path, request_id)
        response = _response(error.status, body, "application/xml", request_id)
        response.headers["x-amz-request-id"] = request_id
        if error.status == 304:
            response.headers["ETag"] = error.fields["ETag"]
    elif protocol == "registry":
        body = b"" if request.method == "HEAD" else render_error(error)
        response = _response(error.status, body, "application/json", request_id)
        response.headers.update(API_VERSION | (CHALLENGE if error.status == 401 else {}))
    elif protocol == "query":
        response = _response(error.status, wire_query.render_error(error, request_id), wire_query.CONTENT_TYPE, request_id)
    else:
        response = _response(error.status, wire_json.render_error(error), wire_json.CONTENT_TYPE, request_id)
        response.headers["x-amzn-ErrorType"] = error.code
    if not request.content.is_eof():
        response.force_close()  # what is left of the body is no request
    return response


def _response(status: int, body: bytes, content_type: str, request_id: str) -> web.Response:
    headers = {"x-amzn-RequestId": request_id, "Content-Type": content_type, "X-Content-Type-Options": "nosniff"}
    return web.Response(status=status, body=body, headers=headers)
