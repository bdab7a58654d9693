"""Reading the body of an HTTP request: all of it up to a limit, or piece by piece. It judges nothing."""

from collections.abc import AsyncIterator

from aiohttp import web

from ..errors import AwsError


async def read_body(request: web.BaseRequest, limit: int) -> bytes:
    """The body, up to a limit (bytes). Raises 413 without reading on."""
    declared = request.content_length
    parts, size = [], 0
    if declared is None or declared <= limit:
        async for piece in pieces(request):
            size += len(piece)
            if size > limit:
                break
            parts.append(piece)
        else:
            return b"".join(parts)
    raise AwsError("RequestEntityTooLarge", f"The body is larger than {limit} bytes.", 413)


async def pieces(request: web.BaseRequest) -> AsyncIterator[bytes]:
    """The body as it arrives. A client that waits to be told to send it is told first."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # those bytes were no part of the answer
    while piece := await request.content.readany():
        yield piece
