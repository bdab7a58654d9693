"""The warm-up pictures, and that only a good answer ends a warm-up well."""

import asyncio
from collections.abc import Callable

import pytest

from contract.pictures.picture import open_picture
from serve.classifier import warmup
from serve.errors import RequestError, ServeError
from serve.workers.connection import PendingRequest


def test_there_is_a_picture_of_each_format() -> None:
    assert [open_picture(body, shorter_side=64).mode for body in warmup.pictures()] == ["RGB"] * 3


class Dispatcher:
    """Ends every request as it is told to."""

    def __init__(self, end: Callable[[PendingRequest], None]) -> None:
        self._end = end

    def submit(self, request: PendingRequest) -> None:
        asyncio.get_running_loop().call_soon(self._end, request)


def test_only_a_good_answer_ends_a_warm_up_well() -> None:
    async def run(end: Callable[[PendingRequest], None]) -> None:
        await warmup.round_trip(Dispatcher(end), float("inf"))

    asyncio.run(run(lambda request: request.succeed(200, "application/json", b"{}", {})))
    with pytest.raises(ServeError, match="warm-up picture: status 500"):
        asyncio.run(run(lambda request: request.succeed(500, "application/json", b"{}", {})))
    with pytest.raises(ServeError, match="warm-up picture: gone"):
        asyncio.run(run(lambda request: request.fail(RequestError(500, "WorkerDied", "gone"))))
