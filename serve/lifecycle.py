"""What every serving program does between its start and its end: signals, orphans, the line that ends it, its exit status.

What is served there, and when the program is ready, says a subclass.
"""

import asyncio
import os
import signal
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import FrameType
from typing import Any

from contract.errors import ContractError
from serve import log
from serve.config import Config
from serve.errors import RequestError, ServeError
from serve.http.port import Port


class StopSignals:
    """SIGTERM and SIGINT, from before the event loop runs until the process is gone: the first one stops, more change nothing.

    Not asyncio's own handlers: those give way to the default, death, when the loop closes.
    """

    def __init__(self) -> None:
        self.asked = False
        self._wake: Callable[[], object] = lambda: None
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._take)

    def event(self, loop: asyncio.AbstractEventLoop) -> asyncio.Event:
        """An event of `loop` that is set at the first signal."""
        asked = asyncio.Event()
        self._wake = lambda: loop.is_closed() or loop.call_soon_threadsafe(asked.set)
        if self.asked:
            asked.set()
        return asked

    def ignore(self) -> None:
        """From now on until the process is gone: Python itself would go back to the default before that."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)

    def _take(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        self._wake()


class Lifecycle(ABC):
    """One run. `end` gets the line that ends it."""

    def __init__(self, config: Config, stops: StopSignals) -> None:
        self.config = config
        self._loop = asyncio.get_running_loop()
        self._fatal: asyncio.Future[str] = self._loop.create_future()
        self._loop.set_exception_handler(_unforeseen)  # asyncio's own writes to standard error, and waits for it
        self._stop = stops.event(self._loop)

    @property
    @abstractmethod
    def port(self) -> Port:
        """What listens."""

    @abstractmethod
    async def start(self) -> None:
        """Make everything ready and open the port. Raises ServeError or ContractError when serving is not possible."""

    @abstractmethod
    def ended(self, pid: int, status: int) -> None:
        """Take what waitpid said of a child, whoever it was."""

    @abstractmethod
    def close_workers(self) -> None:
        """End every process that holds a model."""

    async def run(self) -> None:
        """Serve until told to stop. Raises ServeError or ContractError when serving is not possible."""
        self._loop.add_signal_handler(signal.SIGCHLD, self._reap)
        start, stop = self._loop.create_task(self.start()), self._loop.create_task(self._stop.wait())
        try:
            await self._first(start, stop, seconds=self.config.startup_timeout)
            if not stop.done():
                await self._first(stop)
                await self.port.drain()
        finally:
            start.cancel()
            stop.cancel()
            await self._close()

    async def _first(self, *tasks: asyncio.Task[object], seconds: float | None = None) -> None:
        """Wait until one of `tasks` is done, and pass its error on. Raises ServeError for a fatal line or after `seconds`."""
        waited: list[asyncio.Future[Any]] = [*tasks, self._fatal]
        done, _ = await asyncio.wait(waited, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if self._fatal in done:
            raise ServeError(self._fatal.result())
        if not done:
            raise ServeError(f"not ready after {seconds:g} s; set SAGEMAKER_STARTUP_TIMEOUT higher for a slow machine")
        for task in done:
            task.result()

    def end(self, reason: str) -> None:
        if not self._fatal.done():
            self._fatal.set_result(reason)

    def _reap(self) -> None:
        """As PID 1, take in every ended process, whoever started it."""
        try:
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                self.ended(*ended)
        except ChildProcessError:
            return

    async def _close(self) -> None:
        self.port.give_up(RequestError(503, "ShuttingDown", "the server is shutting down"))
        self.port.close()
        self.close_workers()


def run(serve: Callable[[StopSignals], None]) -> int:
    """Call `serve`, which returns after a stop. Returns the exit status: 0, or 1 with one line on standard error where `serve`
    raises ServeError or ContractError."""
    stops = StopSignals()
    try:
        serve(stops)
    except (ServeError, ContractError) as error:
        log.last_line(f"serve: {error}")
        return 1
    finally:
        stops.ignore()
        log.flush()
    log.event("stopped")
    log.flush()
    return 0


def _unforeseen(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    error = context.get("exception")
    told = "".join(traceback.format_exception(error)) if isinstance(error, BaseException) else ""
    log.event("unforeseen", "error", message=str(context.get("message", "")), traceback=told)
