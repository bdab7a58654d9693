"""A request's body on its way into a blob: aws-chunked framing taken off, size and checksums verified.

It holds no more than one piece of the body. It is not asynchronous: the server feeds it from a worker thread.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping

from ..errors import AwsError
from ..protocol.signature import STREAMING, UNSIGNED
from ..storage import checksums
from ..storage.blobs import BlobWriter
from ..storage.checksums import Checksum

MAX_BYTES = 5 * 1024**3  # of one PutObject or UploadPart, as on AWS
_CHUNK_HEADER = re.compile(rb"([0-9a-fA-F]{1,8})(;[^\r\n]*)?")
_LINE_BYTES = 8192
TRAILERS = 100
"""Of one body, each of which stays in memory. Clients send one or two."""


class ChunkedDecoder:
    """Takes the aws-chunked framing off, piece by piece. `trailers` is filled when `done`."""

    def __init__(self) -> None:
        self.trailers: dict[str, str] = {}
        self.done = False
        self._buffer = bytearray()
        self._left = 0
        self._after_data = False
        self._in_trailers = False

    def feed(self, data: bytes) -> list[bytes]:
        """The data within a piece of the body. Raises IncompleteBody for broken framing."""
        found: list[bytes] = []
        view = memoryview(data)
        while view:
            if self._left:
                piece = view[: self._left]
                found.append(bytes(piece))
                self._left -= len(piece)
                view = view[len(piece) :]
                continue
            end = bytes(view[:_LINE_BYTES]).find(b"\n")
            line_end = len(view) if end < 0 else end + 1
            self._buffer += view[:line_end]
            view = view[line_end:]
            if end >= 0:
                self._line(bytes(self._buffer).rstrip(b"\r\n"))
                self._buffer.clear()
            elif len(self._buffer) > _LINE_BYTES:
                raise _broken()
        return found

    def _line(self, line: bytes) -> None:
        if self._after_data:  # the empty line that ends a chunk
            self._after_data = False
            if line:
                raise _broken()
        elif self._in_trailers:
            if line:
                if len(self.trailers) >= TRAILERS:
                    raise _broken()
                name, _, value = line.decode("latin-1").partition(":")
                self.trailers[name.strip().lower()] = value.strip()
            else:
                self.done = True
        elif self.done:
            raise _broken()
        else:
            found = _CHUNK_HEADER.fullmatch(line)
            if not found:
                raise _broken()
            self._left = int(found[1], 16)
            self._in_trailers = self._left == 0
            self._after_data = self._left > 0

    def finish(self) -> None:
        """Raises unless the last chunk was seen. The empty line after it may be missing."""
        if self._left or not self._in_trailers:
            raise _broken()


class Incoming:
    """A body being received into `writer`. After `finish`, `checksums` holds what was declared and proved right."""

    def __init__(self, writer: BlobWriter, headers: Mapping[str, str], payload: str | None) -> None:
        """`payload` is what the signature says of the body, as in Claim."""
        self.writer = writer
        self.checksums: dict[str, str] = {}
        self._headers = headers
        self._expected = checksums.declared(headers)
        self._hashers: dict[str, Checksum] = {name: checksums.new(name) for name in self._expected}
        self._sha256 = hashlib.sha256() if payload and not payload.startswith((STREAMING, UNSIGNED)) else None
        self._payload = payload
        encodings = [part.strip() for part in headers.get("content-encoding", "").split(",")]
        chunked = "aws-chunked" in encodings or bool(payload and payload.startswith(STREAMING))
        self._decoder = ChunkedDecoder() if chunked else None
        self.length = self._length(chunked)

    def feed(self, data: bytes) -> None:
        """Takes a piece of the body."""
        for piece in self._decoder.feed(data) if self._decoder else (data,):
            if self.writer.size + len(piece) > self.length:
                raise AwsError("IncompleteBody", "The body is longer than the request said.")
            self.writer.write(piece)
            if self._sha256:
                self._sha256.update(piece)
            for hasher in self._hashers.values():
                hasher.update(piece)

    def finish(self) -> None:
        """Verifies everything that was promised. Raises IncompleteBody, BadDigest, XAmzContentSHA256Mismatch, ..."""
        if self._decoder:
            self._decoder.finish()
        if self.writer.size != self.length:
            raise AwsError("IncompleteBody", "The body is shorter than the request said.")
        if self._sha256 and self._sha256.hexdigest() != self._payload:
            message = "The provided 'x-amz-content-sha256' header does not match what was computed."
            raise AwsError("XAmzContentSHA256Mismatch", message)
        check_md5(self._headers, self.writer.md5)
        for name, hasher in self._hashers.items():
            value = self._expected[name]
            if value is None and self._decoder:
                value = self._decoder.trailers.get(checksums.HEADER + name.lower())
            if value != checksums.encoded(hasher):
                raise checksums.bad_digest(name)
            self.checksums[name] = value
        self.writer.close()

    def _length(self, chunked: bool) -> int:
        text = self._headers.get("x-amz-decoded-content-length" if chunked else "content-length", "")
        if not re.fullmatch(r"[0-9]{1,15}", text):
            raise AwsError("MissingContentLength", "You must provide the Content-Length HTTP header.", 411)
        if int(text) > MAX_BYTES:
            fields = {"ProposedSize": text, "MaxSizeAllowed": str(MAX_BYTES)}
            raise AwsError("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", 400, fields)
        return int(text)


def check_small(headers: Mapping[str, str], body: bytes, payload: str | None) -> None:
    """The same promises for a body that is held in memory, such as the XML of DeleteObjects."""
    if payload and not payload.startswith((STREAMING, UNSIGNED)) and hashlib.sha256(body).hexdigest() != payload:
        message = "The provided 'x-amz-content-sha256' header does not match what was computed."
        raise AwsError("XAmzContentSHA256Mismatch", message)
    check_md5(headers, hashlib.md5(body, usedforsecurity=False).hexdigest())
    for name, value in checksums.declared(headers).items():
        hasher = checksums.new(name)
        hasher.update(body)
        if value != checksums.encoded(hasher):
            raise checksums.bad_digest(name)


def check_md5(headers: Mapping[str, str], md5: str) -> None:
    """Raises InvalidDigest or BadDigest where Content-MD5 is given and wrong."""
    text = headers.get("content-md5")
    if text is None:
        return
    try:
        given = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        given = b""
    if len(given) != 16:
        raise AwsError("InvalidDigest", "The Content-MD5 you specified was invalid.")
    if given.hex() != md5:
        raise checksums.bad_digest("MD5")


def _broken() -> AwsError:
    return AwsError("IncompleteBody", "The request body terminated unexpectedly, or its chunks are malformed.")
