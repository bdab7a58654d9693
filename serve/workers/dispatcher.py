"""Requests on their way to the workers and back: a bounded queue, a deadline for each, a batch for every worker that is idle.

A worker is given nothing while it works, so a request that a slow picture precedes goes to whoever is free first, and one whose
client leaves while it waits costs nothing. No request waits for company, but those that come in one turn of the event loop are
seen together. It judges no request, and starts no worker.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from serve.errors import RequestError
from serve.workers.connection import PendingRequest, WorkerConnection
from serve.workers.frame import Part

_TIMEOUT = RequestError(504, "Timeout", "the model did not answer in time")


class Dispatcher:
    """Feeds the workers that were added. `died` gives the error of requests whose worker is gone."""

    def __init__(self, *, batch: int, in_flight_limit: int, queue_limit: int, died: Callable[[], RequestError]) -> None:
        self._batch = batch
        self._limit = in_flight_limit + queue_limit
        self._died = died
        self._waiting: OrderedDict[PendingRequest, bool] = OrderedDict()
        """Oldest first, and whether it is to be a batch of its own."""
        self._workers: set[WorkerConnection] = set()
        self._abandoned: set[PendingRequest] = set()
        """In a worker's hands, and nobody waits for the answer any more."""

    @property
    def owed(self) -> int:
        """Requests that still wait for their answer."""
        return len(self._waiting) + sum(request not in self._abandoned for request in self._in_hand())

    def add(self, worker: WorkerConnection) -> None:
        """A worker that is ready from now on."""
        self._workers.add(worker)
        self._dispatch()

    def submit(self, request: PendingRequest) -> None:
        """Take a request. Raises RequestError 503 when the queue is full."""
        if len(self._waiting) + len(self._in_hand()) >= self._limit:
            raise RequestError(503, "Overloaded", "all workers are busy and the queue is full; try again", retry_after=1)
        self._waiting[request] = False
        asyncio.get_running_loop().call_soon(self._dispatch)

    def cancel(self, request: PendingRequest) -> None:
        """Forget a request: at once while it waits, else its answer is dropped when it comes."""
        if request in self._waiting:
            del self._waiting[request]
        else:
            self._abandoned.add(request)

    def expire(self, now: float) -> None:
        """Answer every request whose deadline has passed."""
        self._fail([request for request in (*self._waiting, *self._in_hand()) if request.deadline <= now], _TIMEOUT)

    def give_up(self, error: RequestError) -> None:
        """Answer everything still owed with `error`."""
        self._fail([*self._waiting, *self._in_hand()], error)

    def answered(self, worker: WorkerConnection, requests: list[PendingRequest], answers: list[Part]) -> None:
        """The answers to `requests`, in their order, by a worker that is idle now."""
        self._dispatch()  # first the next batch, so that the worker does not wait for what follows
        for request, (fields, body) in zip(requests, answers, strict=True):
            if request not in self._abandoned:
                request.succeed(fields["status"], fields["content_type"], body, fields.get("headers", {}))
        self._abandoned.difference_update(requests)

    def lost(self, worker: WorkerConnection, requests: list[PendingRequest]) -> None:
        """A worker is gone, and `requests` with it. One that was alone may be the reason; several are asked again, each alone."""
        self._workers.discard(worker)
        error = self._died()  # asked about every death: it goes by what has happened since the one before
        if len(requests) == 1:
            self._fail(requests, error)
        else:
            for request in reversed([request for request in requests if request not in self._abandoned]):
                self._waiting[request] = True
                self._waiting.move_to_end(request, last=False)
        self._abandoned.difference_update(requests)
        self._dispatch()

    def _in_hand(self) -> list[PendingRequest]:
        return [request for worker in self._workers for request in worker.requests]

    def _fail(self, requests: list[PendingRequest], error: RequestError) -> None:
        for request in requests:
            if request in self._waiting:
                del self._waiting[request]
            elif request in self._abandoned:
                continue
            else:
                self._abandoned.add(request)
            request.fail(error)

    def _dispatch(self) -> None:
        idle = [worker for worker in self._workers if worker.idle]
        for turn, worker in enumerate(idle):
            # A fair share: what waits is not made one batch while another worker has nothing to do.
            count = min(self._batch, -(-len(self._waiting) // (len(idle) - turn)))
            if batch := self._take(count):
                worker.send(batch)

    def _take(self, count: int) -> list[PendingRequest]:
        """The oldest, `count` at most."""
        taken: list[PendingRequest] = []
        while self._waiting and len(taken) < count:
            request, alone = next(iter(self._waiting.items()))
            if alone and taken:
                break
            del self._waiting[request]
            taken.append(request)
            if alone:
                break
        return taken
