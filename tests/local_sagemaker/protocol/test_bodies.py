"""A request's body up to its limit, declared or in chunks, over a real connection."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from local_sagemaker.errors import AwsError
from local_sagemaker.protocol.bodies import read_body

LIMIT = 100


async def sizes(body: bytes, *, chunked: bool) -> int:
    """The length of what read_body gave, or the status it refused with."""

    async def answer(request: web.BaseRequest) -> web.Response:
        try:
            return web.Response(text=str(len(await read_body(request, LIMIT))))
        except AwsError as error:
            return web.Response(status=error.status)

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 33):
            yield body[start : start + 33]

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        async with aiohttp.ClientSession() as session:
            async with session.put(f"http://127.0.0.1:{port}/", data=pieces() if chunked else body) as response:
                return int(await response.text()) if response.status == 200 else response.status
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("chunked", [False, True], ids=["declared", "chunked"])
@pytest.mark.parametrize(("size", "found"), [(0, 0), (LIMIT - 1, LIMIT - 1), (LIMIT, LIMIT), (LIMIT + 1, 413), (1 << 20, 413)])
def test_a_body_may_be_as_long_as_the_limit_and_no_longer(size: int, found: int, chunked: bool) -> None:
    assert asyncio.run(sizes(b"x" * size, chunked=chunked)) == found
