"""Requests on their way to multi-model-server and back: a bounded queue, a few kept connections, a deadline for each.

It hands over no more at a time than the workers can have in hand, so a request whose client leaves while it waits costs nothing,
and MMS's own queue never fills. It judges no request.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import httptools

from serve.errors import RequestError


class Job(Protocol):
    """What is relayed. `wire`: the whole HTTP message for MMS."""

    deadline: float

    def wire(self) -> tuple[bytes, bytes | bytearray]:
        """Head and body."""

    def succeed(self, status: int, headers: dict[str, str], body: bytes) -> None: ...

    def fail(self, error: RequestError) -> None: ...


class Upstream(asyncio.Protocol):
    """One kept connection to MMS, with one job at a time."""

    def __init__(self, relay: "Relay") -> None:
        self._relay = relay
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport
        self._headers: dict[str, str] = {}
        self._body = bytearray()
        self.job: Job | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def send(self, job: Job) -> None:
        self.job = job
        head, body = job.wire()
        self._transport.write(head)
        self._transport.write(body)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.abort()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, data: bytes) -> None:
        self._body += data

    def on_message_complete(self) -> None:
        keep = self._parser.should_keep_alive()
        job, self.job = self.job, None
        headers, body = self._headers, bytes(self._body)
        self._headers, self._body = {}, bytearray()
        if not keep:
            self._transport.close()
        self._relay.answered(self, job, self._parser.get_status_code(), headers, body, keep)

    def connection_lost(self, exc: Exception | None) -> None:
        job, self.job = self.job, None
        self._relay.lost(self, job)


class Relay:
    """Feeds MMS. `timed_out` is called when a job that MMS has in hand ran past its deadline."""

    def __init__(self, path: Path, *, in_flight_limit: int, queue_limit: int, timed_out: Callable[[], None]) -> None:
        self._path = path
        self._in_flight_limit = in_flight_limit
        self._queue_limit = queue_limit
        self._timed_out = timed_out
        self._waiting: OrderedDict[Job, None] = OrderedDict()
        self._upstreams: set[Upstream] = set()
        self._idle: list[Upstream] = []
        self._opening: set[asyncio.Task[None]] = set()
        self._abandoned: set[Job] = set()

    @property
    def owed(self) -> int:
        """Jobs that still wait for their answer."""
        return len(self._waiting) + sum(up.job is not None and up.job not in self._abandoned for up in self._upstreams)

    def submit(self, job: Job) -> None:
        """Take a job. Raises RequestError 503 when the queue is full."""
        in_hand = len(self._upstreams) - len(self._idle)
        if len(self._waiting) + in_hand >= self._in_flight_limit + self._queue_limit:
            raise RequestError(503, "Overloaded", "all workers are busy and the queue is full; try again", retry_after=1)
        self._waiting[job] = None
        self._dispatch()

    def cancel(self, job: Job) -> None:
        """Forget a job: at once while it waits, else its answer is dropped when it comes."""
        if job in self._waiting:
            del self._waiting[job]
        else:
            self._abandoned.add(job)

    def expire(self, now: float) -> None:
        """Answer every job whose deadline has passed."""
        error = RequestError(504, "Timeout", "the model did not answer in time")
        for job in [job for job in self._waiting if job.deadline <= now]:
            del self._waiting[job]
            job.fail(error)
        hung = [up.job for up in self._upstreams if up.job and up.job.deadline <= now and up.job not in self._abandoned]
        for job in hung:
            self._abandoned.add(job)
            job.fail(error)
        if hung:
            self._timed_out()

    def give_up(self, error: RequestError) -> None:
        """Answer everything still owed with `error`."""
        for job in [*self._waiting, *(up.job for up in self._upstreams if up.job)]:
            self._waiting.pop(job, None)
            if job not in self._abandoned:
                self._abandoned.add(job)
                job.fail(error)

    def _dispatch(self) -> None:
        while self._waiting and self._idle:
            self._idle.pop().send(self._waiting.popitem(last=False)[0])
        room = self._in_flight_limit - len(self._upstreams) - len(self._opening)
        for _ in range(min(room, len(self._waiting) - len(self._opening))):
            task = asyncio.get_running_loop().create_task(self._open())
            self._opening.add(task)
            task.add_done_callback(self._opened)

    async def _open(self) -> None:
        _, upstream = await asyncio.get_running_loop().create_unix_connection(lambda: Upstream(self), self._path)
        self._upstreams.add(upstream)
        self._idle.append(upstream)

    def _opened(self, task: asyncio.Task[None]) -> None:
        self._opening.discard(task)
        if not task.cancelled() and task.exception() is not None and self._waiting:
            self._waiting.popitem(last=False)[0].fail(RequestError(503, "NoModelServer", "the model server is not there"))
        self._dispatch()

    def answered(
        self, upstream: Upstream, job: Job | None, status: int, headers: dict[str, str], body: bytes, keep: bool
    ) -> None:
        """One whole answer came on `upstream`."""
        if keep:
            self._idle.append(upstream)
        if job is not None and job not in self._abandoned:
            job.succeed(status, headers, body)
        self._abandoned.discard(job)
        self._dispatch()

    def lost(self, upstream: Upstream, job: Job | None) -> None:
        """`upstream` was closed, by MMS or after its last answer."""
        self._upstreams.discard(upstream)
        if upstream in self._idle:
            self._idle.remove(upstream)
        if job is not None and job not in self._abandoned:
            job.fail(RequestError(500, "WorkerDied", "the model server ended while it worked on this request"))
        self._abandoned.discard(job)
        self._dispatch()
