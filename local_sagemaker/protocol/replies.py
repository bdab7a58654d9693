"""Sends an answer: bytes, or a byte range of a file by sendfile, so that memory stays flat whatever its size."""

import asyncio
from typing import BinaryIO

from aiohttp import web

from .wire_rest import FilePart, RestReply

PIECE = 1 << 20
"""Bytes that are sent at a time where sendfile cannot be: through TLS."""


class _Stream(web.StreamResponse):
    """A response whose headers are on the wire before sendfile writes past aiohttp."""

    _send_headers_immediately = True


async def send(request: web.BaseRequest, reply: RestReply) -> web.StreamResponse:
    """Sends the reply, and closes its file. HEAD gets the headers alone."""
    if not isinstance(reply.body, FilePart):
        if request.method != "HEAD":
            return web.Response(status=reply.status, body=reply.body, headers=reply.headers)
        response = _Stream(status=reply.status, headers=reply.headers)  # it may say the length of what it does not send
        await response.prepare(request)
        await response.write_eof()
        return response
    part = reply.body
    with part.file:
        response = _Stream(status=reply.status, headers=reply.headers)
        await response.prepare(request)
        if part.length and request.method != "HEAD":
            transport = request.transport
            if transport is None:
                raise ConnectionResetError("the client went away")
            if transport.get_extra_info("sslcontext") is None:
                await asyncio.get_running_loop().sendfile(transport, part.file, part.offset, part.length)
            else:  # asyncio would send little pieces of it, and breaks where the client goes away
                await _send(response, part.file, part.offset, part.length)
        await response.write_eof()
    return response


async def _send(response: web.StreamResponse, file: BinaryIO, offset: int, length: int) -> None:
    """Writes `length` bytes of a file from `offset` on."""
    file.seek(offset)
    while length and (piece := await asyncio.to_thread(file.read, min(length, PIECE))):
        await response.write(piece)
        length -= len(piece)
