"""The relay with workers that we play: order, batches, limits, deadlines, losses."""

import asyncio

import pytest

from serve.errors import RequestError
from serve.link import Link
from serve.relay import Relay


class Ask:
    """A job that remembers its end."""

    def __init__(self, name: str, deadline: float = float("inf")) -> None:
        self.name, self.deadline = name, deadline
        self.ends: list[object] = []

    def part(self) -> tuple[dict[str, str], bytes]:
        return {"id": self.name}, b""

    def succeed(self, status: int, content_type: str, body: bytes) -> None:
        self.ends.append((status, body))

    def fail(self, error: RequestError) -> None:
        self.ends.append(error.code)


class Played(Link):
    """A link that writes nowhere; `done` is its worker's answer to all that it was sent last."""

    def __init__(self, relay: Relay) -> None:
        super().__init__(relay, 1, 0)
        self.precision, self._relay = "float32", relay
        relay.add(self)

    def send(self, jobs: list[Ask]) -> None:
        self.jobs = jobs

    @property
    def names(self) -> str:
        return "".join(job.name for job in self.jobs)

    def done(self) -> None:
        jobs, self.jobs = self.jobs, []
        answers = [({"status": 200, "content_type": "x"}, job.name.encode()) for job in jobs]
        self._relay.answered(self, jobs, answers)

    def die(self) -> None:
        jobs, self.jobs = self.jobs, []
        self._relay.lost(self, jobs)


def _relay(batch: int = 1, workers: int = 2, queue: int = 5) -> tuple[Relay, list[Played]]:
    died = RequestError(500, "WorkerDied", "x")
    relay = Relay(batch=batch, in_flight_limit=batch * workers, queue_limit=queue, died=lambda: died)
    return relay, [Played(relay) for _ in range(workers)]


def _asked(relay: Relay, names: str, deadline: float = float("inf")) -> list[Ask]:
    """All of them in one turn of the event loop, and the turn after it."""
    jobs = [Ask(name, deadline) for name in names]

    async def submit() -> None:
        for job in jobs:
            relay.submit(job)

    asyncio.run(submit())
    return jobs


def test_each_worker_has_one_at_a_time_and_the_next_is_the_oldest() -> None:
    relay, links = _relay()
    jobs = _asked(relay, "abcd")
    assert {link.names for link in links} == {"a", "b"} and relay.owed == 4
    slow, quick = sorted(links, key=lambda link: link.names)
    quick.done()
    quick.done()
    assert quick.names == "d" and slow.names == "a", "nobody waits behind a slow one"
    assert [job.ends for job in jobs] == [[], [(200, b"b")], [(200, b"c")], []]


def test_an_idle_worker_takes_up_what_waits_as_one_batch() -> None:
    relay, (link,) = _relay(batch=3, workers=1)
    jobs = _asked(relay, "a")
    assert link.names == "a", "the first waits for no company"
    jobs += _asked(relay, "bcde")
    link.done()
    assert link.names == "bcd"
    link.done()
    link.done()
    assert [job.ends for job in jobs] == [[(200, name.encode())] for name in "abcde"] and relay.owed == 0


def test_what_comes_in_one_turn_is_shared_among_the_idle() -> None:
    relay, links = _relay(batch=4)
    _asked(relay, "abc")
    assert sorted(len(link.jobs) for link in links) == [1, 2]
    relay, (link,) = _relay(batch=4, workers=1)
    _asked(relay, "abcde")
    assert link.names == "abcd"


def test_the_queue_is_bounded_beyond_what_is_in_hand() -> None:
    relay, links = _relay(queue=5)
    _asked(relay, "abcdefg")
    with pytest.raises(RequestError) as caught:
        relay.submit(Ask("h"))
    assert caught.value.status == 503 and caught.value.retry_after == 1
    links[0].done()
    _asked(relay, "i")


def test_a_lost_worker_costs_what_it_had_in_hand_and_no_more() -> None:
    relay, links = _relay()
    jobs = _asked(relay, "abc")
    next(link for link in links if link.names == "a").die()
    assert jobs[0].ends == ["WorkerDied"] and relay.owed == 2
    next(link for link in links if link.names == "b").done()
    assert next(link for link in links if link.jobs).names == "c"


def test_of_several_that_a_worker_took_with_it_only_the_reason_is_lost() -> None:
    relay, (link,) = _relay(batch=3, workers=1)
    jobs = _asked(relay, "abcd")
    relay.cancel(jobs[1])
    link.die()
    assert relay.owed == 3 and not any(job.ends for job in jobs)
    Played(relay).die()
    assert jobs[0].ends == ["WorkerDied"]
    last = Played(relay)
    assert last.names == "c", "alone, too"
    last.done()
    last.done()
    assert [job.ends for job in jobs] == [["WorkerDied"], [], [(200, b"c")], [(200, b"d")]] and relay.owed == 0


def test_without_a_worker_requests_wait_for_the_next_one() -> None:
    relay, links = _relay()
    for link in links:
        link.die()
    jobs = _asked(relay, "a")
    Played(relay).done()
    assert jobs[0].ends == [(200, b"a")]


def test_deadlines_answer_both_the_waiting_and_those_in_hand() -> None:
    relay, links = _relay()
    jobs, (patient,) = _asked(relay, "abcd", deadline=1.0), _asked(relay, "e")
    relay.expire(0.9)
    assert not any(job.ends for job in jobs)
    relay.expire(2.0)
    relay.expire(2.1)
    assert [job.ends for job in jobs] == [["Timeout"]] * 4 and relay.owed == 1
    for link in links:
        link.done()
    assert [link.names for link in links if link.jobs] == ["e"] and [job.ends for job in jobs] == [["Timeout"]] * 4
    assert not patient.ends


def test_a_cancelled_job_is_not_sent_and_its_answer_not_told() -> None:
    relay, links = _relay()
    jobs = _asked(relay, "abcd")
    relay.cancel(jobs[0])
    relay.cancel(jobs[2])
    for _ in range(2):
        for link in links:
            link.done()
    assert [job.ends for job in jobs] == [[], [(200, b"b")], [], [(200, b"d")]] and relay.owed == 0


def test_giving_up_answers_everything_owed_once() -> None:
    relay, links = _relay()
    jobs = _asked(relay, "abcd")
    relay.give_up(RequestError(503, "ShuttingDown", "x"))
    assert relay.owed == 0
    links[0].done()
    links[1].die()
    assert [job.ends for job in jobs] == [["ShuttingDown"]] * 4
