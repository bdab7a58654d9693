"""The dispatcher with workers that we play: order, batches, limits, deadlines, losses."""

import asyncio

import pytest

from serve.errors import RequestError
from serve.workers.connection import WorkerConnection
from serve.workers.dispatcher import Dispatcher


class Ask:
    """A request that remembers its end."""

    def __init__(self, name: str, deadline: float = float("inf")) -> None:
        self.name, self.deadline = name, deadline
        self.ends: list[object] = []

    def part(self) -> tuple[dict[str, str], bytes]:
        return {"id": self.name}, b""

    def succeed(self, status: int, content_type: str, body: bytes, headers: object) -> None:
        self.ends.append((status, body))

    def fail(self, error: RequestError) -> None:
        self.ends.append(error.code)


class Played(WorkerConnection):
    """A worker that writes nowhere; `done` is its worker's answer to all that it was sent last."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        super().__init__(dispatcher, 1, 0, 1 << 20)
        self.precision, self._dispatcher = "float32", dispatcher
        dispatcher.add(self)

    def send(self, requests: list[Ask]) -> None:
        self.requests = requests

    @property
    def names(self) -> str:
        return "".join(request.name for request in self.requests)

    def done(self) -> None:
        requests, self.requests = self.requests, []
        answers = [({"status": 200, "content_type": "x"}, request.name.encode()) for request in requests]
        self._dispatcher.answered(self, requests, answers)

    def die(self) -> None:
        requests, self.requests = self.requests, []
        self._dispatcher.lost(self, requests)


def _dispatcher(batch: int = 1, workers: int = 2, queue: int = 5) -> tuple[Dispatcher, list[Played]]:
    died = RequestError(500, "WorkerDied", "x")
    dispatcher = Dispatcher(batch=batch, in_flight_limit=batch * workers, queue_limit=queue, died=lambda: died)
    return dispatcher, [Played(dispatcher) for _ in range(workers)]


def _asked(dispatcher: Dispatcher, names: str, deadline: float = float("inf")) -> list[Ask]:
    """All of them in one turn of the event loop, and the turn after it."""
    requests = [Ask(name, deadline) for name in names]

    async def submit() -> None:
        for request in requests:
            dispatcher.submit(request)

    asyncio.run(submit())
    return requests


def test_each_worker_has_one_at_a_time_and_the_next_is_the_oldest() -> None:
    dispatcher, workers = _dispatcher()
    requests = _asked(dispatcher, "abcd")
    assert {worker.names for worker in workers} == {"a", "b"} and dispatcher.owed == 4
    slow, quick = sorted(workers, key=lambda worker: worker.names)
    quick.done()
    quick.done()
    assert quick.names == "d" and slow.names == "a", "nobody waits behind a slow one"
    assert [request.ends for request in requests] == [[], [(200, b"b")], [(200, b"c")], []]


def test_an_idle_worker_takes_up_what_waits_as_one_batch() -> None:
    dispatcher, (worker,) = _dispatcher(batch=3, workers=1)
    requests = _asked(dispatcher, "a")
    assert worker.names == "a", "the first waits for no company"
    requests += _asked(dispatcher, "bcde")
    worker.done()
    assert worker.names == "bcd"
    worker.done()
    worker.done()
    assert [request.ends for request in requests] == [[(200, name.encode())] for name in "abcde"] and dispatcher.owed == 0


def test_what_comes_in_one_turn_is_shared_among_the_idle() -> None:
    dispatcher, workers = _dispatcher(batch=4)
    _asked(dispatcher, "abc")
    assert sorted(len(worker.requests) for worker in workers) == [1, 2]
    dispatcher, (worker,) = _dispatcher(batch=4, workers=1)
    _asked(dispatcher, "abcde")
    assert worker.names == "abcd"


def test_the_queue_is_bounded_beyond_what_is_in_hand() -> None:
    dispatcher, workers = _dispatcher(queue=5)
    _asked(dispatcher, "abcdefg")
    with pytest.raises(RequestError) as caught:
        dispatcher.submit(Ask("h"))
    assert caught.value.status == 503 and caught.value.retry_after == 1
    workers[0].done()
    _asked(dispatcher, "i")


def test_a_lost_worker_costs_what_it_had_in_hand_and_no_more() -> None:
    dispatcher, workers = _dispatcher()
    requests = _asked(dispatcher, "abc")
    next(worker for worker in workers if worker.names == "a").die()
    assert requests[0].ends == ["WorkerDied"] and dispatcher.owed == 2
    next(worker for worker in workers if worker.names == "b").done()
    assert next(worker for worker in workers if worker.requests).names == "c"


def test_of_several_that_a_worker_took_with_it_only_the_reason_is_lost() -> None:
    dispatcher, (worker,) = _dispatcher(batch=3, workers=1)
    requests = _asked(dispatcher, "abcd")
    dispatcher.cancel(requests[1])
    worker.die()
    assert dispatcher.owed == 3 and not any(request.ends for request in requests)
    Played(dispatcher).die()
    assert requests[0].ends == ["WorkerDied"]
    last = Played(dispatcher)
    assert last.names == "c", "alone, too"
    last.done()
    last.done()
    assert [request.ends for request in requests] == [["WorkerDied"], [], [(200, b"c")], [(200, b"d")]] and dispatcher.owed == 0


def test_without_a_worker_requests_wait_for_the_next_one() -> None:
    dispatcher, workers = _dispatcher()
    for worker in workers:
        worker.die()
    requests = _asked(dispatcher, "a")
    Played(dispatcher).done()
    assert requests[0].ends == [(200, b"a")]


def test_deadlines_answer_both_the_waiting_and_those_in_hand() -> None:
    dispatcher, workers = _dispatcher()
    requests, (patient,) = _asked(dispatcher, "abcd", deadline=1.0), _asked(dispatcher, "e")
    dispatcher.expire(0.9)
    assert not any(request.ends for request in requests)
    dispatcher.expire(2.0)
    dispatcher.expire(2.1)
    assert [request.ends for request in requests] == [["Timeout"]] * 4 and dispatcher.owed == 1
    for worker in workers:
        worker.done()
    assert [worker.names for worker in workers if worker.requests] == ["e"] and [request.ends for request in requests] == [
        ["Timeout"]
    ] * 4
    assert not patient.ends


def test_a_cancelled_job_is_not_sent_and_its_answer_not_told() -> None:
    dispatcher, workers = _dispatcher()
    requests = _asked(dispatcher, "abcd")
    dispatcher.cancel(requests[0])
    dispatcher.cancel(requests[2])
    for _ in range(2):
        for worker in workers:
            worker.done()
    assert [request.ends for request in requests] == [[], [(200, b"b")], [], [(200, b"d")]] and dispatcher.owed == 0


def test_giving_up_answers_everything_owed_once() -> None:
    dispatcher, workers = _dispatcher()
    requests = _asked(dispatcher, "abcd")
    dispatcher.give_up(RequestError(503, "ShuttingDown", "x"))
    assert dispatcher.owed == 0
    workers[0].done()
    workers[1].die()
    assert [request.ends for request in requests] == [["ShuttingDown"]] * 4
