"""A worker with the other end of its socket in our hands: what it is told, and what it tells its owner."""

import asyncio
import contextlib
import socket
import time

import pytest

from serve.workers import frame
from serve.workers.connection import PendingRequest, WorkerConnection

GOOD = {"status": 200, "content_type": "a/b"}


class Owner:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, object]] = []

    def loaded(self, worker: WorkerConnection) -> None:
        self.told.append(("loaded", worker.precision))

    def refused(self, reason: str) -> None:
        self.told.append(("refused", reason))

    def answered(self, worker: WorkerConnection, requests: list[PendingRequest], answers: list[frame.Part]) -> None:
        assert worker.idle
        self.told.append(("answered", (requests, [body for _, body in answers])))

    def gone(self, worker: WorkerConnection, requests: list[PendingRequest]) -> None:
        self.told.append(("gone", requests))


class Ask:
    deadline = float("inf")

    def part(self) -> tuple[dict[str, str], bytes]:
        return {"id": "a"}, b"picture"


def test_the_life_of_a_link() -> None:
    async def run() -> None:
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        loop, owner = asyncio.get_running_loop(), Owner()
        worker = WorkerConnection(owner, 17, 0, 1 << 20)
        await loop.create_unix_connection(lambda: worker, sock=ours)

        async def say(*parts: tuple[dict, bytes]) -> None:
            before = len(owner.told)
            await loop.sock_sendall(theirs, frame.pack(parts))
            while len(owner.told) == before:
                await asyncio.sleep(0.001)

        assert not worker.ready and not worker.idle and worker.busy_seconds() == 0
        await say(({"ready": "int8"}, b""))
        assert worker.idle and owner.told == [("loaded", "int8")]
        requests = [Ask(), Ask()]
        worker.send(requests)
        time.sleep(0.02)
        assert not worker.idle and worker.ready and worker.busy_seconds() >= 0.02
        assert await loop.sock_recv(theirs, 4096) == frame.pack([({"id": "a"}, b"picture")] * 2)
        await say((GOOD, b"1"), (GOOD, b"2"))
        assert owner.told[-1] == ("answered", (requests, [b"1", b"2"])) and worker.busy_seconds() == 0
        worker.send(requests[:1])
        theirs.close()
        while owner.told[-1][0] != "gone":
            await asyncio.sleep(0.001)
        assert owner.told[-1] == ("gone", requests[:1])

    asyncio.run(asyncio.wait_for(run(), 10))


def test_a_refusal_is_passed_on() -> None:
    owner = Owner()
    WorkerConnection(owner, 17, 0, 1 << 20).data_received(frame.pack([({"failed": "model.xml: broken"}, b"")]))
    assert owner.told == [("refused", "model.xml: broken")]


@pytest.mark.parametrize(
    "said",
    [
        b"\xff" * 64,
        b"\0\0\0\2[]",
        b"\0\0\0\2{}",
        frame.pack([]),
        frame.pack([(GOOD, b"1")] * 2),
        frame.pack([({"status": 799, "content_type": "a/b"}, b"1")]),
        frame.pack([({"status": 200, "content_type": "a\r\nb: c"}, b"1")]),
        frame.pack([(GOOD | {"headers": {"a": "b\r\nc: d"}}, b"1")]),
        frame.pack([(GOOD, bytes(1 << 16))]),
    ],
)
def test_what_is_no_answer_ends_the_link_and_its_requests_are_given_back(said: bytes) -> None:
    """A person's code can write to the worker's socket. What it claims is never taken up, and no more than the limit is kept."""

    async def run() -> None:
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        loop, owner = asyncio.get_running_loop(), Owner()
        worker = WorkerConnection(owner, 17, 0, 1 << 14)
        await loop.create_unix_connection(lambda: worker, sock=ours)
        await loop.sock_sendall(theirs, frame.pack([({"ready": "own code"}, b"")]))
        while not worker.ready:
            await asyncio.sleep(0.001)
        request = Ask()
        worker.send([request])
        with contextlib.suppress(OSError):
            await loop.sock_sendall(theirs, said)
            await loop.sock_sendall(theirs, bytes(1 << 16))
        while owner.told[-1][0] != "gone":
            await asyncio.sleep(0.001)
        assert owner.told == [("loaded", "own code"), ("gone", [request])]
        theirs.close()

    asyncio.run(asyncio.wait_for(run(), 10))
