"""The OCI distribution API under /v2/: pull, push and content management, for docker and every other client of a registry.

Bodies go to disk as they come and leave by sendfile. Logins are Basic, with the password of GetAuthorizationToken.
The referrers API is not here: it answers 404, and clients fall back to tags, as the specification has them do.
"""

import base64
import binascii
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

from aiohttp import web

from ..context import Platform
from ..errors import AwsError
from ..protocol.bodies import Bodies
from ..protocol.replies import send
from ..protocol.wire_rest import FilePart, RestReply
from ..storage import image_manifests
from ..storage.image_blobs import Upload
from ..storage.image_manifests import DIGEST, need_digest, read_manifest
from .repositories import check_password, unauthorized

NAME = re.compile(r"(?=.{2,256}\Z)[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*")
PAGE = 1000
_KINDS = (
    ("tags", re.compile(r"/v2/(?P<name>.+)/tags/list")),
    ("manifest", re.compile(r"/v2/(?P<name>.+)/manifests/(?P<reference>[^/]+)")),
    ("uploads", re.compile(r"/v2/(?P<name>.+)/blobs/uploads/?")),
    ("upload", re.compile(r"/v2/(?P<name>.+)/blobs/uploads/(?P<reference>[^/]+)")),
    ("blob", re.compile(r"/v2/(?P<name>.+)/blobs/(?P<reference>[^/]+)")),
)
_CODES = {"ServiceUnavailable": "UNAVAILABLE", "InternalFailure": "UNKNOWN", "RequestEntityTooLarge": "SIZE_INVALID"}
API_VERSION = {"Docker-Distribution-Api-Version": "registry/2.0"}
CHALLENGE = {"WWW-Authenticate": 'Basic realm="registry",service="ecr"'}
_BYTE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_CONTENT_RANGE = re.compile(r"(\d{1,18})-(\d{1,18})")

InThread = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: the repository, the tag, digest or upload id it names, its query, its headers (names in lower case)."""

    http: web.BaseRequest
    name: str
    reference: str
    query: Mapping[str, str]
    headers: Mapping[str, str]


def is_registry(path: str) -> bool:
    """Whether a path is the registry's. No bucket of S3 can be called v2: names have three characters or more."""
    return path == "/v2" or path.startswith("/v2/")


def render_error(error: AwsError) -> bytes:
    """An error as the specification has it."""
    code = _CODES.get(error.code, error.code)
    return json.dumps({"errors": [{"code": code, "message": error.message, "detail": error.fields}]}).encode()


class RegistryHttp:
    """Answers the requests of registry clients."""

    def __init__(self, platform: Platform, in_thread: InThread, bodies: Bodies) -> None:
        self._platform = platform
        self._bodies = bodies
        self._registry = platform.registry
        self._in_thread = in_thread
        self._perform: Mapping[tuple[str, str], Callable[[Asked], Awaitable[RestReply]]] = {
            ("GET", "tags"): self._list_tags,
            ("GET", "manifest"): self._get_manifest,
            ("HEAD", "manifest"): self._get_manifest,
            ("PUT", "manifest"): self._put_manifest,
            ("DELETE", "manifest"): self._delete_manifest,
            ("GET", "blob"): self._get_blob,
            ("HEAD", "blob"): self._get_blob,
            ("DELETE", "blob"): self._delete_blob,
            ("POST", "uploads"): self._start_upload,
            ("GET", "upload"): self._upload_status,
            ("PATCH", "upload"): self._take_chunk,
            ("PUT", "upload"): self._finish_upload,
            ("DELETE", "upload"): self._cancel_upload,
        }

    async def answer(self, http: web.BaseRequest, path: str, query: str, headers: Mapping[str, str]) -> web.StreamResponse:
        """Lets in, routes, performs, answers."""
        check_password(self._platform, *_login(headers.get("authorization", "")))
        reply = await self._reply(http, unquote(path), query, headers)
        reply.headers |= API_VERSION | {"X-Content-Type-Options": "nosniff"}
        return await send(http, reply)

    async def _reply(self, http: web.BaseRequest, path: str, query: str, headers: Mapping[str, str]) -> RestReply:
        if path in ("/v2", "/v2/") and http.method in ("GET", "HEAD"):
            return RestReply(200, {"Content-Type": "application/json"}, b"{}")
        kind, found = next(((kind, found) for kind, route in _KINDS if (found := route.fullmatch(path))), ("", None))
        if found is None:
            raise AwsError("UNSUPPORTED", "There is no such thing in this registry.", 404)
        if not NAME.fullmatch(found["name"]):
            raise AwsError("NAME_INVALID", f"{found['name'][:300]!r} is not the name of a repository.")
        perform = self._perform.get((http.method, kind))
        if perform is None:
            raise AwsError("UNSUPPORTED", f"{http.method[:20]} is not supported here.", 405)
        fields = dict(parse_qsl(query, keep_blank_values=True))
        return await perform(Asked(http, found["name"], found.groupdict().get("reference") or "", fields, headers))

    async def _list_tags(self, asked: Asked) -> RestReply:
        count, last = asked.query.get("n", str(PAGE)), asked.query.get("last", "")
        if not re.fullmatch(r"[0-9]{1,9}", count):
            raise AwsError("PAGINATION_NUMBER_INVALID", f"n={count[:50]!r} is not a number of tags.")
        limit = min(int(count), PAGE)
        tags = [tag for tag in await self._in_thread(self._registry.tags, asked.name) if tag > last]
        reply = _json({"name": asked.name, "tags": tags[:limit]})
        if 0 < limit < len(tags):
            reply.headers["Link"] = f'</v2/{asked.name}/tags/list?n={limit}&last={tags[limit - 1]}>; rel="next"'
        return reply

    async def _get_manifest(self, asked: Asked) -> RestReply:
        row = await self._in_thread(self._registry.manifest, asked.name, asked.reference)
        headers = {"Content-Type": row["media_type"], "Content-Length": str(len(row["body"]))}
        return RestReply(200, headers | {"Docker-Content-Digest": row["digest"]}, row["body"])

    async def _put_manifest(self, asked: Asked) -> RestReply:
        body = await self._bodies.read(asked.http, image_manifests.BYTES)
        manifest = await self._in_thread(read_manifest, body, asked.headers.get("content-type", ""))
        tag = None if ":" in asked.reference else asked.reference
        if tag is None and need_digest(asked.reference) != manifest.digest:
            raise AwsError("DIGEST_INVALID", f"The manifest is {manifest.digest}, not {asked.reference}.")
        await self._in_thread(self._registry.put_manifest, asked.name, manifest, tag)
        return _created(f"/v2/{asked.name}/manifests/{manifest.digest}", manifest.digest)

    async def _delete_manifest(self, asked: Asked) -> RestReply:
        delete = self._registry.delete_manifest if DIGEST.fullmatch(asked.reference) else self._registry.delete_tag
        await self._in_thread(delete, asked.name, asked.reference)
        return RestReply(202)

    async def _get_blob(self, asked: Asked) -> RestReply:
        file, size = await self._in_thread(self._registry.open_blob, asked.name, asked.reference)
        try:
            offset, length, partial = _stretch(asked.headers.get("range", ""), size)
        except BaseException:
            file.close()
            raise
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(length), "Accept-Ranges": "bytes"}
        headers |= {"Docker-Content-Digest": asked.reference, "ETag": f'"{asked.reference}"'}
        if partial:
            headers["Content-Range"] = f"bytes {offset}-{offset + length - 1}/{size}"
        return RestReply(206 if partial else 200, headers, FilePart(file, offset, length))

    async def _delete_blob(self, asked: Asked) -> RestReply:
        await self._in_thread(self._registry.delete_blob, asked.name, asked.reference)
        return RestReply(202)

    async def _start_upload(self, asked: Asked) -> RestReply:
        """POST: mounts the blob of another repository, takes all of a blob at once, or starts an upload."""
        mount, source, digest = (asked.query.get(name, "") for name in ("mount", "from", "digest"))
        if mount and source and await self._in_thread(self._registry.mount, asked.name, need_digest(mount), source):
            return _created(f"/v2/{asked.name}/blobs/{mount}", mount)
        if digest:
            need_digest(digest)
        upload = await self._in_thread(self._registry.start_upload, asked.name)
        if digest:
            return await self._receive(asked, upload, digest)
        return _progress(asked.name, upload, 0, 202)

    async def _upload_status(self, asked: Asked) -> RestReply:
        upload = await self._in_thread(self._registry.upload, asked.name, asked.reference)
        return _progress(asked.name, asked.reference, upload.size, 204)

    async def _take_chunk(self, asked: Asked) -> RestReply:
        return await self._receive(asked, asked.reference, "")

    async def _finish_upload(self, asked: Asked) -> RestReply:
        return await self._receive(asked, asked.reference, need_digest(asked.query.get("digest", "")))

    async def _cancel_upload(self, asked: Asked) -> RestReply:
        await self._in_thread(self._registry.cancel_upload, asked.name, asked.reference)
        return RestReply(204)

    async def _receive(self, asked: Asked, upload_id: str, digest: str) -> RestReply:
        """Appends the body to an upload; with a digest, that was the last of it and it becomes a blob."""
        upload: Upload = await self._in_thread(self._registry.upload, asked.name, upload_id)
        await self._in_thread(upload.claim)
        try:
            expected = _expected_end(asked.headers, upload.size)
            async for piece in self._bodies.pieces(asked.http):
                await self._in_thread(upload.write, piece)
            if expected is not None and upload.size != expected:
                raise AwsError("SIZE_INVALID", f"Content-Range ends at {expected - 1}, and the bytes at {upload.size - 1}.")
            if not digest:
                return _progress(asked.name, upload_id, upload.size, 202)
            await self._in_thread(self._registry.finish_upload, asked.name, upload, digest)
        finally:
            upload.release()
        return _created(f"/v2/{asked.name}/blobs/{digest}", digest)


def _login(header: str) -> tuple[str, str]:
    """User name and password of an Authorization header. Raises UNAUTHORIZED when it holds none."""
    scheme, _, encoded = header.partition(" ")
    try:
        username, _, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise unauthorized() from None
    if scheme.lower() != "basic":
        raise unauthorized()
    return username, password


def _expected_end(headers: Mapping[str, str], size: int) -> int | None:
    """The size of an upload after a chunk, where Content-Range says so. Raises RANGE_INVALID unless the chunk comes next."""
    text = headers.get("content-range")
    if text is None:
        return None
    found = _CONTENT_RANGE.fullmatch(text)
    if found is None or int(found[2]) < int(found[1]):
        raise AwsError("RANGE_INVALID", f"Content-Range {text[:100]!r} is not FIRST-LAST.")
    if int(found[1]) != size:
        raise AwsError("RANGE_INVALID", f"The next byte of this upload is {size}, not {found[1]}.", 416)
    length = headers.get("content-length")
    if length is not None and length != str(int(found[2]) + 1 - size):
        raise AwsError("SIZE_INVALID", f"Content-Range {text} does not hold Content-Length {length[:50]} bytes.")
    return int(found[2]) + 1


def _stretch(text: str, size: int) -> tuple[int, int, bool]:
    """(offset, length, whether that is a part) of a Range header. Anything but one range of bytes is ignored, as HTTP lets us."""
    found = _BYTE_RANGE.fullmatch(text.strip())
    first, last = found.groups() if found else ("", "")
    if not first and not last:
        return 0, size, False
    if first:
        start, end = int(first), min(int(last), size - 1) if last else size - 1
        if last and int(last) < start:
            return 0, size, False
    else:
        start, end = max(0, size - int(last)), size - 1
    if start > end:
        raise AwsError("RANGE_INVALID", f"The blob has {size} bytes, nothing of it is in {text.strip()}.", 416)
    return start, end - start + 1, True


def _progress(name: str, upload: str, size: int, status: int) -> RestReply:
    headers = {"Location": f"/v2/{name}/blobs/uploads/{upload}", "Range": f"0-{max(0, size - 1)}", "Docker-Upload-UUID": upload}
    return RestReply(status, headers)


def _created(location: str, digest: str) -> RestReply:
    return RestReply(201, {"Location": location, "Docker-Content-Digest": digest})


def _json(value: Any) -> RestReply:
    return RestReply(200, {"Content-Type": "application/json"}, json.dumps(value).encode())
