"""A request's body up to its limit, declared or in chunks, over a real connection."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from local_sagemaker.errors import AwsError
from local_sagemaker.protocol.bodies import FREE_BYTES, Bodies

LIMIT = 100


async def sizes(body: bytes, *, chunked: bool) -> int:
    """The length of what Bodies.read gave, or the status it refused with."""

    async def answer(request: web.BaseRequest) -> web.Response:
        try:
            return web.Response(text=str(len(await Bodies().read(request, LIMIT))))
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


@pytest.mark.parametrize(("size", "found"), [(FREE_BYTES, 200), (FREE_BYTES + 50, 200), (FREE_BYTES + 51, 503)])
def test_all_bodies_together_have_a_budget_and_small_ones_are_free(size: int, found: int) -> None:
    async def ask() -> int:
        bodies, held = Bodies(budget=100), asyncio.Event()

        async def answer(request: web.BaseRequest) -> web.Response:
            try:
                await bodies.read(request, 1 << 30)
                if request.path == "/held":
                    await held.wait()
                return web.Response()
            except AwsError as error:
                return web.Response(status=error.status)
            finally:
                bodies.release(request)

        runner = web.ServerRunner(web.Server(answer))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with aiohttp.ClientSession() as session:
            first = asyncio.create_task(session.put(f"{url}/held", data=b"x" * (FREE_BYTES + 50)))
            await asyncio.sleep(0.5)
            async with session.put(f"{url}/now", data=b"x" * size) as response:
                status = response.status
            held.set()
            assert (await first).status == 200
            async with session.put(f"{url}/now", data=b"x" * (FREE_BYTES + 100)) as response:
                assert response.status == 200, "what was held is released"
        await runner.cleanup()
        return status

    assert asyncio.run(ask()) == found
