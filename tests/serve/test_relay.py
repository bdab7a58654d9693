"""The relay against a small server of our own on a Unix socket: order, limits, deadlines, losses."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from serve.errors import RequestError
from serve.relay import Relay


class Ask:
    """A job that remembers its end."""

    def __init__(self, body: bytes, deadline: float = float("inf")) -> None:
        self.body = body
        self.deadline = deadline
        self.end: asyncio.Future[object] = asyncio.get_running_loop().create_future()

    def wire(self) -> tuple[bytes, bytes]:
        return b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(self.body), self.body

    def succeed(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.end.set_result((status, body))

    def fail(self, error: RequestError) -> None:
        self.end.set_result(error.code)


class Upstream:
    """Echoes after `gate` opens; `die` closes without an answer, `bye` closes after it."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.open = self.most = self.links = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.links += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                body = await reader.readexactly(int(head.split(b": ")[1]))
                self.open += 1
                self.most = max(self.most, self.open)
                await self.gate.wait()
                self.open -= 1
                if body == b"die":
                    break
                close = b"Connection: close\r\n" if body == b"bye" else b""
                writer.write(b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\n\r\n%b" % (close, len(body), body))
                if close:
                    break
        except asyncio.IncompleteReadError:
            pass
        writer.close()


def with_relay(test: Callable[[Relay, Upstream, list[str]], Awaitable[None]], folder: Path, queue: int = 5) -> None:
    async def run() -> None:
        upstream, late = Upstream(), []
        server = await asyncio.start_unix_server(upstream.serve, folder / "s")
        relay = Relay(folder / "s", in_flight_limit=2, queue_limit=queue, timed_out=lambda: late.append("late"))
        try:
            await test(relay, upstream, late)
        finally:
            server.close()

    asyncio.run(asyncio.wait_for(run(), 20))


def test_many_jobs_go_over_few_connections(short_tmp: Path) -> None:
    async def test(relay: Relay, upstream: Upstream, late: list[str]) -> None:
        jobs = [Ask(b"%d" % number) for number in range(50)]
        for job in jobs:
            relay.submit(job)
        assert [await job.end for job in jobs] == [(200, b"%d" % number) for number in range(50)]
        assert upstream.most <= 2 and upstream.links <= 2 and relay.owed == 0

    with_relay(test, short_tmp, queue=50)


def test_the_queue_is_bounded_beyond_what_is_in_hand(short_tmp: Path) -> None:
    async def test(relay: Relay, upstream: Upstream, late: list[str]) -> None:
        upstream.gate.clear()
        jobs = [Ask(b"x") for _ in range(7)]
        for job in jobs:
            relay.submit(job)
        with pytest.raises(RequestError) as caught:
            relay.submit(Ask(b"x"))
        assert caught.value.status == 503 and caught.value.retry_after == 1
        upstream.gate.set()
        assert {await job.end for job in jobs} == {(200, b"x")}

    with_relay(test, short_tmp, queue=5)


def test_a_lost_connection_costs_its_job_only(short_tmp: Path) -> None:
    async def test(relay: Relay, upstream: Upstream, late: list[str]) -> None:
        jobs = [Ask(body) for body in (b"a", b"die", b"b", b"bye", b"c")]
        for job in jobs:
            relay.submit(job)
        assert [await job.end for job in jobs] == [(200, b"a"), "WorkerDied", (200, b"b"), (200, b"bye"), (200, b"c")]

    with_relay(test, short_tmp)


def test_deadlines_answer_both_the_waiting_and_the_hung(short_tmp: Path) -> None:
    async def test(relay: Relay, upstream: Upstream, late: list[str]) -> None:
        upstream.gate.clear()
        jobs = [Ask(b"%d" % number, deadline=1.0) for number in range(4)]
        patient = Ask(b"patient")
        for job in (*jobs, patient):
            relay.submit(job)
        while upstream.open < 2:
            await asyncio.sleep(0.01)
        relay.expire(2.0)
        assert [await job.end for job in jobs] == ["Timeout"] * 4 and late == ["late"]
        assert relay.owed == 1
        upstream.gate.set()
        assert await patient.end == (200, b"patient")

    with_relay(test, short_tmp)


def test_a_cancelled_job_is_not_sent_and_its_answer_not_told(short_tmp: Path) -> None:
    async def test(relay: Relay, upstream: Upstream, late: list[str]) -> None:
        upstream.gate.clear()
        jobs = [Ask(b"%d" % number) for number in range(4)]
        for job in jobs:
            relay.submit(job)
        while upstream.open < 2:
            await asyncio.sleep(0.01)
        relay.cancel(jobs[0])
        relay.cancel(jobs[2])
        upstream.gate.set()
        assert await jobs[1].end == (200, b"1") and await jobs[3].end == (200, b"3")
        assert not jobs[0].end.done() and not jobs[2].end.done() and relay.owed == 0

    with_relay(test, short_tmp)


def test_without_a_model_server_every_job_is_told(short_tmp: Path) -> None:
    async def run() -> None:
        relay = Relay(short_tmp / "absent", in_flight_limit=2, queue_limit=5, timed_out=lambda: None)
        jobs = [Ask(b"x") for _ in range(5)]
        for job in jobs:
            relay.submit(job)
        assert {await job.end for job in jobs} == {"NoModelServer"}

    asyncio.run(asyncio.wait_for(run(), 10))


def test_giving_up_answers_everything_owed(short_tmp: Path) -> None:
    async def test(relay: Relay, upstream: Upstream, late: list[str]) -> None:
        upstream.gate.clear()
        jobs = [Ask(b"x") for _ in range(4)]
        for job in jobs:
            relay.submit(job)
        while upstream.open < 2:
            await asyncio.sleep(0.01)
        relay.give_up(RequestError(503, "ShuttingDown", "x"))
        assert {await job.end for job in jobs} == {"ShuttingDown"} and relay.owed == 0
        upstream.gate.set()
        await asyncio.sleep(0.05)

    with_relay(test, short_tmp)
