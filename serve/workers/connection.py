"""The frontend's end of one worker process: what it was given, since when, and what it says. It starts and kills nothing."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Protocol

from serve import log
from serve.errors import RequestError
from serve.workers import frame
from serve.workers.answer import is_answer


class PendingRequest(Protocol):
    """A request on its way, told its end once."""

    deadline: float

    def part(self) -> tuple[dict[str, str], bytes | bytearray]:
        """What the worker gets of it: `id`, headers by their names, and the body."""

    def succeed(self, status: int, content_type: str, body: bytes, headers: Mapping[str, str]) -> None: ...

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

    def __init__(self, owner: Owner, pid: int, slot: int, answers_limit: int) -> None:
        """`answers_limit`: bytes of one frame of answers, at most."""
        self._owner = owner
        self._frames = frame.Frames(answers_limit)
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
        try:
            frames = list(self._frames.feed(data))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            self._nonsense(type(error).__name__)
            return
        for parts in frames:
            if not self.ready and parts:
                self._told(parts[0][0])
            elif len(parts) == len(self.requests) and all(is_answer(fields) for fields, _ in parts):
                requests, self.requests = self.requests, []
                self._owner.answered(self, requests, parts)
            else:
                self._nonsense("no answers to what it was asked")
                return

    def _nonsense(self, what: str) -> None:
        """A person's code has written to the socket itself: its worker is given up, and with it what it worked on."""
        log.event("worker_not_understood", "error", pid=self.pid, reason=what)
        self._transport.abort()

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
