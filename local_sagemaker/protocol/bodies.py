"""Reading the body of an HTTP request: all of it up to a limit, or piece by piece. It judges nothing.

A client that sends slowly, or never, is told so after a while, and what all clients together have in memory has a limit: else a
few of them would stop everybody.
"""

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from ..errors import AwsError

HELD_BYTES = 256 << 20
"""Of all bodies that are in memory at the same time, but for the first FREE_BYTES of each: small requests go on."""
FREE_BYTES = 1 << 20
GRACE = 20.0
"""Seconds that a body may take, beside those for its size."""
SLOWEST = 64 << 10
"""Bytes a second; on this machine's own loopback everything is faster."""


class Bodies:
    """The bodies that are held in memory at the moment: `budget` bytes of them at most."""

    def __init__(self, budget: int = HELD_BYTES, grace: float = GRACE, slowest: float = SLOWEST) -> None:
        self._budget = budget
        self._grace = grace
        self._slowest = slowest
        self._held: dict[int, int] = {}  # by the id of a request that is alive

    async def read(self, request: web.BaseRequest, limit: int) -> bytes:
        """The body, up to a limit (bytes); it counts until `release`. Raises 413 without reading on, 503 for too much held."""
        declared = request.content_length
        body = bytearray()
        try:
            if declared is None or declared <= limit:
                async for piece in self.pieces(request):
                    if len(body) + len(piece) > limit:
                        break
                    body += piece
                    self._take(request, len(body))
                else:
                    return bytes(body)
        finally:
            body.clear()  # the traceback of an error would keep it for a while
        raise AwsError("RequestEntityTooLarge", f"The body is larger than {limit} bytes.", 413)

    def release(self, request: web.BaseRequest) -> None:
        """The request has been answered."""
        self._held.pop(id(request), None)

    async def pieces(self, request: web.BaseRequest) -> AsyncIterator[bytes]:
        """The body as it arrives. A client that waits to be told to send it is told first. Raises RequestTimeout (400)."""
        if request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0  # those bytes were no part of the answer
        clock = asyncio.get_running_loop().time
        waited, size = 0.0, 0  # what we do with a piece, such as writing it to a slow disk, is not the client's time
        while True:
            began = clock()
            try:
                async with asyncio.timeout(max(0.0, self._grace + size / self._slowest - waited)):
                    piece = await request.content.readany()
            except TimeoutError:
                message = "Your socket connection to the server was not read from or written to within the timeout period."
                raise AwsError("RequestTimeout", message, 400) from None
            if not piece:
                return
            waited, size = waited + clock() - began, size + len(piece)
            yield piece

    def _take(self, request: web.BaseRequest, received: int) -> None:
        size = max(0, received - FREE_BYTES)
        others = sum(held for other, held in self._held.items() if other != id(request))
        if size and others + size > self._budget:
            message = f"Other requests hold {others} bytes of the server's memory. Repeat this one in a moment."
            raise AwsError("ServiceUnavailable", message, 503)
        self._held[id(request)] = size
