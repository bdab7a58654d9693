"""The port: which bodies are in memory, and that a taken address is told."""

import asyncio
import socket
from pathlib import Path

import pytest

from serve.config import Config
from serve.errors import RequestError, ServeError
from serve.frontend import Frontend


def test_as_many_bytes_as_the_upload_budget_are_held_and_one_more_is_refused(tmp_path: Path) -> None:
    config = Config(model=tmp_path, body_limit=1000, upload_budget=2000)

    def fatal(reason: str) -> None:
        raise AssertionError(reason)

    frontend = Frontend(config, fatal)
    frontend.hold(1000)
    frontend.hold(1000)
    with pytest.raises(RequestError) as caught:
        frontend.hold(1)
    assert caught.value.status == 503
    frontend.hold(-1)
    frontend.hold(1)


def test_a_taken_port_and_a_free_one(tmp_path: Path) -> None:
    async def listen(port: int) -> None:
        frontend = Frontend(Config(model=tmp_path, host="127.0.0.1", port=port), lambda line: None)
        await frontend.listen()
        frontend.close()

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServeError, match=f"127.0.0.1:{port}"):
            asyncio.run(listen(port))
    asyncio.run(listen(port))
