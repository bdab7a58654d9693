"""Pictures made in memory, and one of them sent the whole way, so that no caller meets a cold server."""

import asyncio
import io
from collections.abc import Mapping

import numpy as np
from PIL import Image
from sagemaker_inference.content_types import JSON

from contract.pictures.picture import FORMATS
from serve.errors import RequestError, ServeError
from serve.workers.dispatcher import Dispatcher


def pictures() -> list[bytes]:
    """One small picture in each accepted format."""
    pixels = np.random.default_rng(0).integers(0, 256, (320, 320, 3), np.uint8)
    samples = []
    for name in FORMATS:
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, format=name)
        samples.append(buffer.getvalue())
    return samples


async def round_trip(dispatcher: Dispatcher, deadline: float) -> None:
    """Send one picture through a worker and wait for its answer. Raises ServeError for any answer but a good one."""
    request = _WarmUpRequest(pictures()[0], deadline)
    dispatcher.submit(request)
    await request.done


class _WarmUpRequest:
    """A request that no client sent."""

    def __init__(self, body: bytes, deadline: float) -> None:
        self._body = body
        self.deadline = deadline
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def part(self) -> tuple[dict[str, str], bytes]:
        return {"id": "warm-up", "Content-Type": "application/x-image", "Accept": JSON}, self._body

    def succeed(self, status: int, content_type: str, body: bytes, headers: Mapping[str, str]) -> None:
        if status == 200:
            self.done.set_result(None)
        else:
            self._give_up(f"status {status}")

    def fail(self, error: RequestError) -> None:
        self._give_up(error.message)

    def _give_up(self, reason: str) -> None:
        if not self.done.done():
            self.done.set_exception(ServeError(f"the model does not answer its warm-up picture: {reason}"))
