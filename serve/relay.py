"""Requests on their way to the workers and back: a bounded queue, a deadline for each, a batch for every worker that is idle.

A worker is given nothing while it works, so a request that a slow picture precedes goes to whoever is free first, and one whose
client leaves while it waits costs nothing. No request waits for company, but those that come in one turn of the event loop are
seen together. It judges no request, and starts no worker.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from serve.errors import RequestError
from serve.frame import Part
from serve.link import Job, Link

_TIMEOUT = RequestError(504, "Timeout", "the model did not answer in time")


class Relay:
    """Feeds the workers that were added. `died` gives the error of requests whose worker is gone."""

    def __init__(self, *, batch: int, in_flight_limit: int, queue_limit: int, died: Callable[[], RequestError]) -> None:
        self._batch = batch
        self._limit = in_flight_limit + queue_limit
        self._died = died
        self._waiting: OrderedDict[Job, bool] = OrderedDict()
        """Oldest first, and whether it is to be a batch of its own."""
        self._links: set[Link] = set()
        self._abandoned: set[Job] = set()
        """In a worker's hands, and nobody waits for the answer any more."""

    @property
    def owed(self) -> int:
        """Jobs that still wait for their answer."""
        return len(self._waiting) + sum(job not in self._abandoned for job in self._in_hand())

    def add(self, link: Link) -> None:
        """A worker that is ready from now on."""
        self._links.add(link)
        self._dispatch()

    def submit(self, job: Job) -> None:
        """Take a job. Raises RequestError 503 when the queue is full."""
        if len(self._waiting) + len(self._in_hand()) >= self._limit:
            raise RequestError(503, "Overloaded", "all workers are busy and the queue is full; try again", retry_after=1)
        self._waiting[job] = False
        asyncio.get_running_loop().call_soon(self._dispatch)

    def cancel(self, job: Job) -> None:
        """Forget a job: at once while it waits, else its answer is dropped when it comes."""
        if job in self._waiting:
            del self._waiting[job]
        else:
            self._abandoned.add(job)

    def expire(self, now: float) -> None:
        """Answer every job whose deadline has passed."""
        self._fail([job for job in (*self._waiting, *self._in_hand()) if job.deadline <= now], _TIMEOUT)

    def give_up(self, error: RequestError) -> None:
        """Answer everything still owed with `error`."""
        self._fail([*self._waiting, *self._in_hand()], error)

    def answered(self, link: Link, jobs: list[Job], answers: list[Part]) -> None:
        """The answers to `jobs`, in their order, by a worker that is idle now."""
        self._dispatch()  # first the next batch, so that the worker does not wait for what follows
        for job, (fields, body) in zip(jobs, answers, strict=True):
            if job not in self._abandoned:
                job.succeed(fields["status"], fields["content_type"], body)
        self._abandoned.difference_update(jobs)

    def lost(self, link: Link, jobs: list[Job]) -> None:
        """A worker is gone, and `jobs` with it. One that was alone may be the reason; several are asked again, each alone."""
        self._links.discard(link)
        error = self._died()  # asked about every death: it goes by what has happened since the one before
        if len(jobs) == 1:
            self._fail(jobs, error)
        else:
            for job in reversed([job for job in jobs if job not in self._abandoned]):
                self._waiting[job] = True
                self._waiting.move_to_end(job, last=False)
        self._abandoned.difference_update(jobs)
        self._dispatch()

    def _in_hand(self) -> list[Job]:
        return [job for link in self._links for job in link.jobs]

    def _fail(self, jobs: list[Job], error: RequestError) -> None:
        for job in jobs:
            if job in self._waiting:
                del self._waiting[job]
            elif job in self._abandoned:
                continue
            else:
                self._abandoned.add(job)
            job.fail(error)

    def _dispatch(self) -> None:
        idle = [link for link in self._links if link.idle]
        for turn, link in enumerate(idle):
            # A fair share: what waits is not made one batch while another worker has nothing to do.
            count = min(self._batch, -(-len(self._waiting) // (len(idle) - turn)))
            if batch := self._take(count):
                link.send(batch)

    def _take(self, count: int) -> list[Job]:
        """The oldest, `count` at most."""
        taken: list[Job] = []
        while self._waiting and len(taken) < count:
            job, alone = next(iter(self._waiting.items()))
            if alone and taken:
                break
            del self._waiting[job]
            taken.append(job)
            if alone:
                break
        return taken
