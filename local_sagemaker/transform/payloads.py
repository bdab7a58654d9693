"""An input object of a transform job cut into the bodies of requests: whole, a line each, or as many lines as fit."""

import gzip
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from .settings import MEGABYTE, Settings

MOST = 100 * MEGABYTE
"""Bytes of a body that has to be in memory, where MaxPayloadInMB is 0."""
PIECE = 1 << 18
BROKEN = (gzip.BadGzipFile, EOFError, zlib.error)


class BadInput(Exception):
    """An object cannot be cut as the job asks: a sentence."""


def opened(file: BinaryIO, compression: str) -> BinaryIO:
    """The object's file, or with CompressionType Gzip what it unpacks to."""
    return gzip.GzipFile(fileobj=file) if compression == "Gzip" else file  # type: ignore[return-value]


def pieces(file: BinaryIO) -> Iterator[bytes]:
    """A whole object, some bytes at a time. Raises BadInput."""
    try:
        while piece := file.read(PIECE):
            yield piece
    except BROKEN as error:
        raise BadInput(f"The object is not whole gzip data: {error}") from None


def payloads(file: BinaryIO, settings: Settings, *, lines: bool) -> Iterator[bytes]:
    """The bodies of the requests, in the order of the object. `lines`: SplitType Line. Raises BadInput for what is too large.

    A line keeps its end. An empty object has no lines; whole, it is one empty body.
    """
    limit = settings.payload_bytes or MOST
    try:
        if not lines:
            body = file.read(limit + 1)
            if len(body) > limit:
                raise BadInput(_too_large("The object", limit))
            yield body
        elif settings.multi_record:
            yield from _filled(_lines(file, limit), limit)
        else:
            yield from _lines(file, limit)
    except BROKEN as error:
        raise BadInput(f"The object is not whole gzip data: {error}") from None


def _lines(file: BinaryIO, limit: int) -> Iterator[bytes]:
    number = 0
    while line := file.readline(limit + 1):
        number += 1
        if len(line) > limit:
            raise BadInput(_too_large(f"Record {number}", limit))
        yield line


def _filled(lines: Iterator[bytes], limit: int) -> Iterator[bytes]:
    body: list[bytes] = []
    size = 0
    for line in lines:
        if body and size + len(line) > limit:
            yield b"".join(body)
            body, size = [], 0
        body.append(line)
        size += len(line)
    if body:
        yield b"".join(body)


def _too_large(what: str, limit: int) -> str:
    return f"{what} is larger than MaxPayloadInMB allows, which is {limit} bytes. Split it, or give a larger MaxPayloadInMB."
