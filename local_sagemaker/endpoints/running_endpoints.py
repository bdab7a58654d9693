"""The endpoints that are up at the moment, and taking up those the last server left. One endpoint is endpoint_run.py."""

import threading
import time
from collections.abc import Mapping

from ..containers.backends import Backends
from ..context import Context, InvokeResult
from .endpoint_run import EndpointRun
from .endpoint_state import KIND
from .invocation import Router

ADOPTION_PATIENCE = 10.0
"""Seconds that a start waits for endpoints to be found: none of them is waited for much longer than a ping may take."""


class RunningEndpoints:
    """Every endpoint of this server."""

    def __init__(self, context: Context, backends: Backends) -> None:
        self._context = context
        self._backends = backends
        self._router = Router(context.region, context.account_id)
        self._runs: dict[str, EndpointRun] = {}
        self._lock = threading.Lock()

    def start(self) -> None:
        """Takes up what the last server left; returns when the endpoints that were in service can be asked."""
        names = [record["name"] for record in self._context.store.list(KIND)]
        for name in names:
            self.begin(name, adopt=True)
        until = time.monotonic() + ADOPTION_PATIENCE
        for run in list(self._runs.values()):
            run.wait_for_adoption(max(0.0, until - time.monotonic()))

    def stop(self) -> None:
        """Stops every container; returns when that is done. The records stay, for the next start."""
        runs = list(self._runs.values())
        for run in runs:
            run.close()
        for run in runs:
            run.join(30.0)
        self._router.close()

    def begin(self, name: str, *, adopt: bool = False) -> None:
        """Runs a recorded endpoint."""
        with self._lock:
            self._runs = {other: run for other, run in self._runs.items() if run.is_alive()}
            run = self._runs[name] = EndpointRun(self._context, self._backends, self._router, name)
            run.start(adopt=adopt)

    def wake(self, name: str) -> None:
        """The endpoint's record has changed."""
        with self._lock:
            run = self._runs.get(name)
        if run is not None:
            run.wake()

    async def invoke(self, name: str, headers: Mapping[str, str], body: bytes) -> InvokeResult:
        """InvokeEndpoint."""
        return await self._router.invoke(name, headers, body)
