"""The run of a program from its start to its end: a stop, a fatal line, a start that takes too long."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from serve.config import Config
from serve.errors import ServeError
from serve.frontend import Frontend
from serve.lifecycle import Lifecycle, StopSignals


class Bare(Lifecycle):
    """A program whose start is the test's."""

    def __init__(self, config: Config, started: Callable[["Bare"], None]) -> None:
        super().__init__(config, StopSignals())
        self._started = started
        self._frontend = Frontend(config, self.end)
        self.closed = False

    @property
    def port(self) -> Frontend:
        return self._frontend

    async def start(self) -> None:
        await self._frontend.listen()
        self._started(self)

    def ended(self, pid: int, status: int) -> None:
        raise AssertionError("no child was started")

    def close_workers(self) -> None:
        self.closed = True


def run(model: Path, started: Callable[[Bare], None], **fields: float) -> Bare:
    async def whole() -> Bare:
        made.append(Bare(Config(model=model, host="127.0.0.1", port=0, drain_grace=0.0, **fields), started))
        await made[0].run()
        return made[0]

    made: list[Bare] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)}
    try:
        return asyncio.run(whole())
    finally:
        assert made[0].closed
        for number, handler in before.items():
            signal.signal(number, handler)


def test_the_first_signal_ends_it_well(tmp_path: Path) -> None:
    run(tmp_path, lambda program: os.kill(os.getpid(), signal.SIGTERM))


def test_a_fatal_line_ends_it_with_that_line(tmp_path: Path) -> None:
    def twice(program: Bare) -> None:
        program.end("first")
        program.end("second")

    with pytest.raises(ServeError, match=r"^first$"):
        run(tmp_path, twice)


def test_a_start_that_takes_too_long_says_what_to_set(tmp_path: Path) -> None:
    class Slow(Bare):
        async def start(self) -> None:
            await asyncio.sleep(60)

    async def whole() -> None:
        await Slow(Config(model=tmp_path, startup_timeout=0.05), lambda program: None).run()

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)}
    with pytest.raises(ServeError, match="SAGEMAKER_STARTUP_TIMEOUT"):
        asyncio.run(whole())
    for number, handler in before.items():
        signal.signal(number, handler)
