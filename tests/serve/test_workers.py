"""What the front knows of the workers, with real processes at the other end of the socket."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil

from serve.worker import BUSY, busy_file
from serve.workers import Workers

CLIENT = """
import socket, sys
link = socket.socket(socket.AF_UNIX)
link.connect(sys.argv[1])
for line in sys.stdin:
    link.sendall(line.encode())
"""


class Room:
    """The workers, and processes that play them."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "w"
        self.reasons: list[str] = []
        self.workers = Workers(changed=lambda: None, failed=self.reasons.append)
        self.processes: list[subprocess.Popen[str]] = []

    def start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-u", "-c", CLIENT, str(self.path)]
        self.processes.append(subprocess.Popen(command, stdin=subprocess.PIPE, text=True))
        return self.processes[-1]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.01)


def say(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


def with_room(test: Callable[[Room], Awaitable[None]], folder: Path) -> None:
    async def run() -> None:
        room = Room(folder)
        await room.workers.listen(room.path)
        try:
            await test(room)
        finally:
            for process in room.processes:
                process.kill()
                process.wait()
            room.workers.close()

    asyncio.run(run())


def test_a_worker_is_known_by_its_process_and_gone_with_it(short_tmp: Path) -> None:
    async def test(room: Room) -> None:
        process = room.start()
        await room.until(lambda: room.workers.alive == 1)
        assert next(iter(room.workers.links)).pid == process.pid and room.workers.ready == 0
        say(process, "ready float32")
        await room.until(lambda: room.workers.ready == 1)
        process.kill()
        await room.until(lambda: room.workers.alive == 0)

    with_room(test, short_tmp)


def test_a_reason_is_passed_on(short_tmp: Path) -> None:
    async def test(room: Room) -> None:
        say(room.start(), "failed model.xml: broken")
        await room.until(lambda: room.reasons == ["model.xml: broken"])

    with_room(test, short_tmp)


def test_workers_that_end_while_loading_are_counted_until_one_is_ready(short_tmp: Path) -> None:
    async def test(room: Room) -> None:
        for count in (1, 2, 3):
            process = room.start()
            await room.until(lambda: room.workers.alive == 1)
            process.kill()
            await room.until(lambda count=count: room.workers.lost_loading == count)
        say(room.start(), "ready float32")
        await room.until(lambda: room.workers.lost_loading == 0)

    with_room(test, short_tmp)


def test_only_the_hung_and_the_stopped_are_killed(short_tmp: Path) -> None:
    async def test(room: Room) -> None:
        idle, busy, done, stopped = (room.start() for _ in range(4))
        await room.until(lambda: room.workers.alive == 4)
        Path(busy_file(room.path, busy.pid)).write_bytes(BUSY.pack(time.monotonic() - 0.2))
        Path(busy_file(room.path, done.pid)).write_bytes(BUSY.pack(0.0))
        stopped.send_signal(signal.SIGSTOP)
        await room.until(lambda: psutil.Process(stopped.pid).status() == psutil.STATUS_STOPPED)
        room.workers.kill_hung(60)
        await room.until(lambda: room.workers.alive == 3)
        room.workers.kill_hung(0.1)
        await room.until(lambda: room.workers.alive == 2)
        assert {link.pid for link in room.workers.links} == {idle.pid, done.pid}
        assert not Path(busy_file(room.path, busy.pid)).exists()

    with_room(test, short_tmp)
