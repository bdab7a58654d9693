"""The warm-up pictures, and that only a good answer ends a warm-up well."""

import asyncio
from pathlib import Path

import pytest

from contract.picture import open_picture
from serve import warmup
from serve.errors import ServeError
from serve.relay import Relay


def test_there_is_a_picture_of_each_format() -> None:
    assert [open_picture(body, shorter_side=64).mode for body in warmup.pictures()] == ["RGB"] * 3


@pytest.mark.parametrize("answer", [b"200 OK\r\n", b"500 X\r\nkennel-answer: 1\r\n"])
def test_an_answer_that_is_not_good_or_not_a_workers_is_told(answer: bytes, short_tmp: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 " + answer + b"Content-Length: 0\r\n\r\n")

    async def run() -> None:
        server = await asyncio.start_unix_server(serve, short_tmp / "s")
        relay = Relay(short_tmp / "s", in_flight_limit=1, queue_limit=1, timed_out=lambda: None)
        with pytest.raises(ServeError, match="warm-up"):
            await warmup.round_trip(relay, float("inf"))
        server.close()

    asyncio.run(asyncio.wait_for(run(), 10))
