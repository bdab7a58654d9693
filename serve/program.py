"""The life of the serving program: verify, start, warm up, open the port, watch, drain, end. PID 1 in the container.

The port opens only after a picture has gone the whole way; once it is open, /ping tells the truth. Whatever makes serving
impossible ends the program with one line and a status other than 0, for the platform to see. It writes nothing to any disk, but
what a person's own code asks for: a folder of its own, removed at the end.
"""

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from contract.layout import Layout
from serve import artefact, descriptors, handler_choice, lifecycle, log
from serve.classifier import warmup
from serve.config import Config, child_environ, own_code_environ
from serve.frontend import Frontend
from serve.lifecycle import Lifecycle, StopSignals

if TYPE_CHECKING:
    from serve.own.preparation import Preparation


class Program(Lifecycle):
    """One run with one model."""

    def __init__(self, config: Config, stops: StopSignals) -> None:
        super().__init__(config, stops)
        self._started = time.monotonic()
        self._frontend = Frontend(config, self.end)

    @property
    def port(self) -> Frontend:
        return self._frontend

    async def start(self) -> None:
        config, workers = self.config, self._frontend.workers
        if config.handler.own_code:
            about: dict[str, Any] = {"handler": config.handler.name}
        else:
            about = await asyncio.to_thread(artefact.verified, config.model) | {"engine": config.engine}
        workers.start()
        self._frontend.sweep()
        while workers.ready < self.config.workers:
            await asyncio.sleep(0.01)
        if not config.handler.own_code:  # what a person's code answers to, nobody knows: it is ready when its model is loaded
            await warmup.round_trip(self._frontend.dispatcher, self._loop.time() + config.request_timeout)
        await self._frontend.listen()
        log.event(
            "serving",
            port=self.config.port,
            **about,
            precision=workers.precision,
            workers=self.config.workers,
            threads=self.config.threads,
            connections=self.config.connection_limit,
            seconds=round(time.monotonic() - self._started, 3),
        )

    def ended(self, pid: int, status: int) -> None:
        self._frontend.workers.ended(pid, status)

    def close_workers(self) -> None:
        self._frontend.workers.close()


def run(config: Config) -> int:
    """Serve as `config` says. Returns the exit status: 0 after a stop, 1 with one line on standard error otherwise."""
    return lifecycle.run(lambda stops: _serve(config, stops))


def _serve(config: Config, stops: StopSignals) -> None:
    handler_choice.check(config.handler, config.model)
    preparation = _preparation(config, stops) if config.handler.own_code else None
    try:
        if preparation is not None:
            config = replace(config, own_code=preparation.run(config.handler))
        if not config.handler.own_code or config.own_code is not None:
            share = descriptors.share(descriptors.raise_limit(), workers=config.workers, wanted=config.connection_limit)
            config = replace(config, connection_limit=share.connections, backlog=share.backlog)
            asyncio.run(_run(config, stops))
    finally:
        if preparation is not None:
            preparation.remove()


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
