"""The life of the serving program: verify, start, warm up, open the port, watch, drain, end. PID 1 in the container.

The port opens only after a picture has gone the whole way; once it is open, /ping tells the truth. Whatever makes serving
impossible ends the program with one line and a status other than 0, for the platform to see. It writes nothing to any disk, but
what a person's own code asks for: a folder of its own, removed at the end.
"""

import asyncio
import os
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from contract import manifest, safetensors_header
from contract.errors import ContractError
from contract.layout import Layout
from serve import descriptors, handler_choice, log, warmup
from serve.config import Config, child_environ, own_code_environ
from serve.errors import RequestError, ServeError
from serve.frontend import Frontend

if TYPE_CHECKING:
    from serve.own.preparation import Preparation


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


class Program:
    """One run. `fatal` gets the line that ends it."""

    def __init__(self, config: Config, stops: StopSignals) -> None:
        self._config = config
        self._loop = asyncio.get_running_loop()
        self._started = time.monotonic()
        self._fatal: asyncio.Future[str] = self._loop.create_future()
        self._loop.set_exception_handler(_unforeseen)  # asyncio's own writes to standard error, and waits for it
        self._stop = stops.event(self._loop)
        self._frontend = Frontend(config, self._end)

    async def run(self) -> None:
        """Serve until told to stop. Raises ServeError or ContractError when serving is not possible."""
        self._loop.add_signal_handler(signal.SIGCHLD, self._reap)
        start, stop = self._loop.create_task(self._start()), self._loop.create_task(self._stop.wait())
        try:
            await self._first(start, stop, seconds=self._config.startup_timeout)
            if not stop.done():
                await self._first(stop)
                await self._frontend.drain()
        finally:
            start.cancel()
            stop.cancel()
            await self._close()

    async def _start(self) -> None:
        config, workers = self._config, self._frontend.workers
        if config.handler.own_code:
            about: dict[str, Any] = {"handler": config.handler.name}
        else:
            about = await asyncio.to_thread(_verified, config.model) | {"engine": config.engine}
        workers.start()
        self._frontend.sweep()
        while workers.ready < self._config.workers:
            await asyncio.sleep(0.01)
        if not config.handler.own_code:  # what a person's code answers to, nobody knows: it is ready when its model is loaded
            await warmup.round_trip(self._frontend.dispatcher, self._loop.time() + config.request_timeout)
        await self._frontend.listen()
        log.event(
            "serving",
            port=self._config.port,
            **about,
            precision=workers.precision,
            workers=self._config.workers,
            threads=self._config.threads,
            connections=self._config.connection_limit,
            seconds=round(time.monotonic() - self._started, 3),
        )

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

    def _end(self, reason: str) -> None:
        if not self._fatal.done():
            self._fatal.set_result(reason)

    def _reap(self) -> None:
        """As PID 1, take in every ended process, whoever started it."""
        try:
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                self._frontend.workers.ended(*ended)
        except ChildProcessError:
            return

    async def _close(self) -> None:
        self._frontend.dispatcher.give_up(RequestError(503, "ShuttingDown", "the server is shutting down"))
        self._frontend.close()
        self._frontend.workers.close()


def _verified(model: Path) -> dict[str, Any]:
    """What a classifier's artefact is, whole and unaltered. Raises ContractError."""
    found = manifest.verify(model)
    safetensors_header.check(model / manifest.WEIGHTS)
    return {"architecture": found.architecture, "classes": len(found.classes)}


def _unforeseen(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    error = context.get("exception")
    told = "".join(traceback.format_exception(error)) if isinstance(error, BaseException) else ""
    log.event("unforeseen", "error", message=str(context.get("message", "")), traceback=told)


def run(config: Config) -> int:
    """Serve as `config` says. Returns the exit status: 0 after a stop, 1 with one line on standard error otherwise."""
    stops, preparation = StopSignals(), None
    try:
        handler_choice.check(config.handler, config.model)
        if config.handler.own_code:
            preparation = _preparation(config, stops)
            config = replace(config, own_code=preparation.run(config.handler))
        if not config.handler.own_code or config.own_code is not None:
            share = descriptors.share(descriptors.raise_limit(), workers=config.workers, wanted=config.connection_limit)
            config = replace(config, connection_limit=share.connections, backlog=share.backlog)
            asyncio.run(_run(config, stops))
    except (ServeError, ContractError) as error:
        log.last_line(f"serve: {error}")
        return 1
    finally:
        stops.ignore()
        if preparation is not None:
            preparation.remove()
        log.flush()
    log.event("stopped")
    log.flush()
    return 0


async def _run(config: Config, stops: StopSignals) -> None:
    await Program(config, stops).run()


def _preparation(config: Config, stops: StopSignals) -> "Preparation":
    from serve.own.preparation import Preparation  # with all that it needs: a classifier starts without

    return Preparation(
        layout=Layout(config.model.parent),
        environ=own_code_environ(config, child_environ()),
        cache=config.cache,
        stopped=lambda: stops.asked,
        end=time.monotonic() + config.startup_timeout,
    )
