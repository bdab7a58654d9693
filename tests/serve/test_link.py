"""A link with the other end of its socket in our hands: what it is told, and what it tells its owner."""

import asyncio
import socket
import time

from serve import frame
from serve.link import Job, Link


class Owner:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, object]] = []

    def loaded(self, link: Link) -> None:
        self.told.append(("loaded", link.precision))

    def refused(self, reason: str) -> None:
        self.told.append(("refused", reason))

    def answered(self, link: Link, jobs: list[Job], answers: list[frame.Part]) -> None:
        assert link.idle
        self.told.append(("answered", (jobs, [body for _, body in answers])))

    def gone(self, link: Link, jobs: list[Job]) -> None:
        self.told.append(("gone", jobs))


class Ask:
    deadline = float("inf")

    def part(self) -> tuple[dict[str, str], bytes]:
        return {"id": "a"}, b"picture"


def test_the_life_of_a_link() -> None:
    async def run() -> None:
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        loop, owner = asyncio.get_running_loop(), Owner()
        link = Link(owner, 17, 0)
        await loop.create_unix_connection(lambda: link, sock=ours)

        async def say(*parts: tuple[dict, bytes]) -> None:
            before = len(owner.told)
            await loop.sock_sendall(theirs, frame.pack(parts))
            while len(owner.told) == before:
                await asyncio.sleep(0.001)

        assert not link.ready and not link.idle and link.busy_seconds() == 0
        await say(({"ready": "int8"}, b""))
        assert link.idle and owner.told == [("loaded", "int8")]
        jobs = [Ask(), Ask()]
        link.send(jobs)
        time.sleep(0.02)
        assert not link.idle and link.ready and link.busy_seconds() >= 0.02
        assert await loop.sock_recv(theirs, 4096) == frame.pack([({"id": "a"}, b"picture")] * 2)
        await say(({"status": 200}, b"1"), ({"status": 200}, b"2"))
        assert owner.told[-1] == ("answered", (jobs, [b"1", b"2"])) and link.busy_seconds() == 0
        link.send(jobs[:1])
        theirs.close()
        while owner.told[-1][0] != "gone":
            await asyncio.sleep(0.001)
        assert owner.told[-1] == ("gone", jobs[:1])

    asyncio.run(asyncio.wait_for(run(), 10))


def test_a_refusal_is_passed_on() -> None:
    owner = Owner()
    Link(owner, 17, 0).data_received(frame.pack([({"failed": "model.xml: broken"}, b"")]))
    assert owner.told == [("refused", "model.xml: broken")]
