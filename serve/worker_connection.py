"""The frontend's end of one worker process: what it was given, since when, and what it says. It starts and kills nothing."""

import asyncio
import time
from typing import Any, Protocol

from serve import frame, log
from serve.errors import RequestError


class PendingRequest(Protocol):
    """A request on its way, told its end once."""

    deadline: float

    def part(self) -> tuple[dict[str, str], bytes | bytearray]:
        """What the worker gets of it: `id`, headers by their names, and the body."""

    def succeed(self, status: int, content_type: str, body: bytes) -> None: ...

    def fail(self, error: RequestError) -> None: ...


class Owner(Protocol):
    """Who wants to know what becomes of a worker."""

    def loaded(self, worker: "WorkerConnection") -> None:
        """It can be sent a batch."""

    def refused(self, reason: str) -> None:
        """It cannot load the model, and another would not either."""

    def answered(self, worker: "WorkerConnection", requests: list[PendingRequest], answers: list[frame.Part]) -> None: ...

    def gone(self, worker: "WorkerConnection", requests: list[PendingRequest]) -> None:
        """Its end of the socket is closed, as the process has ended, and `requests` are without an answer."""


class WorkerConnection(asyncio.Protocol):
    """One worker process, from its start until it is gone. `slot`: its place among the workers; its GPU, where it has one."""

    def __init__(self, owner: Owner, pid: int, slot: int) -> None:
        self._owner = owner
        self._frames = frame.Frames()
        self._since = 0.0
        self._transport: asyncio.Transport
        self.pid = pid
        self.slot = slot
        self.precision = ""
        """What it computes in, once it is ready."""
        self.requests: list[PendingRequest] = []
        """What it works on."""

    @property
    def ready(self) -> bool:
        return bool(self.precision)

    @property
    def idle(self) -> bool:
        return self.ready and not self.requests

    def busy_seconds(self) -> float:
        """How long it has worked on its batch; 0 when it has none."""
        return time.monotonic() - self._since if self.requests else 0.0

    def send(self, requests: list[PendingRequest]) -> None:
        self.requests, self._since = requests, time.monotonic()
        self._transport.write(frame.pack([request.part() for request in requests]))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        for parts in self._frames.feed(data):
            if self.ready:
                requests, self.requests = self.requests, []
                self._owner.answered(self, requests, parts)
            else:
                self._told(parts[0][0])

    def connection_lost(self, exc: Exception | None) -> None:
        requests, self.requests = self.requests, []
        self._owner.gone(self, requests)

    def _told(self, first: dict[str, Any]) -> None:
        if reason := first.get("failed"):
            self._owner.refused(reason)
        else:
            self.precision = first["ready"]
            log.event("worker_ready", pid=self.pid, precision=self.precision)
            self._owner.loaded(self)
