"""The life of the serving program with many models: open the port, load and answer as the platform asks, drain, end.

No model is there at its start, and none that fails ends it: which are loaded, the platform decides.
"""

import asyncio
from dataclasses import replace

from serve import descriptors, lifecycle, log
from serve.config import Config
from serve.lifecycle import Lifecycle, StopSignals
from serve.multi.frontend import ModelsFrontend

_FORESEEN_WORKERS = 100
"""Whose file descriptors are kept from clients."""


class MultiProgram(Lifecycle):
    """One run with models that come and go."""

    def __init__(self, config: Config, stops: StopSignals) -> None:
        super().__init__(config, stops)
        self._frontend = ModelsFrontend(config)

    @property
    def port(self) -> ModelsFrontend:
        return self._frontend

    async def start(self) -> None:
        self._frontend.sweep()
        await self._frontend.listen()
        limit = self.config.memory_limit
        log.event("serving", port=self.config.port, models=0, memory_limit_mib=limit and limit >> 20)

    def ended(self, pid: int, status: int) -> None:
        self._frontend.models.ended(pid, status)

    def close_workers(self) -> None:
        self._frontend.models.close()


def run(config: Config) -> int:
    """Serve as `config` says. Returns the exit status: 0 after a stop, 1 with one line on standard error otherwise."""
    return lifecycle.run(lambda stops: _serve(config, stops))


def _serve(config: Config, stops: StopSignals) -> None:
    share = descriptors.share(descriptors.raise_limit(), workers=_FORESEEN_WORKERS, wanted=config.connection_limit)
    asyncio.run(_run(replace(config, connection_limit=share.connections, backlog=share.backlog), stops))


async def _run(config: Config, stops: StopSignals) -> None:
    await MultiProgram(config, stops).run()
