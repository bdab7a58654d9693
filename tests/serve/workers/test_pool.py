"""The worker processes, really started: which are ready, what becomes of one that is killed, hangs or never loads."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from serve.config import Config
from serve.errors import RequestError
from serve.workers.connection import WorkerConnection
from serve.workers.dispatcher import Dispatcher
from serve.workers.pool import Workers, python_path
from tests.support import artefact


class Room:
    """Workers with a dispatcher of their own, and the lines that would end the program."""

    def __init__(self, config: Config, **options: int) -> None:
        self.ends: list[str] = []
        died = RequestError(500, "WorkerDied", "x")
        self.dispatcher = Dispatcher(batch=config.batch, in_flight_limit=config.in_flight_limit, queue_limit=9, died=lambda: died)
        self.workers = Workers(config, self.dispatcher, self.ends.append, **options)
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self.reap)

    @property
    def connections(self) -> list[WorkerConnection]:
        return sorted(self.workers._workers, key=lambda worker: worker.slot)

    def reap(self) -> None:
        for pid in {*self.workers.pids, *self.workers._loads}:
            with contextlib.suppress(ChildProcessError):
                if (ended := os.waitpid(pid, os.WNOHANG))[0]:
                    self.workers.ended(*ended)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not condition():
                await asyncio.sleep(0.01)


def with_room(test: Callable[[Room], Awaitable[None]], config: Config, **options: int) -> None:
    async def run() -> None:
        room = Room(config, **options)
        room.workers.start()
        try:
            await test(room)
        finally:
            pids = [worker.pid for worker in room.connections]
            room.workers.close()
            assert not any(psutil.pid_exists(pid) for pid in pids)

    asyncio.run(run())


@pytest.fixture(scope="module")
def config() -> Config:
    return Config(model=artefact.small() / "model", workers=2)


class Ask:
    """A request that remembers its end."""

    def __init__(self, body: bytes) -> None:
        self.body, self.deadline = body, float("inf")
        self.end: asyncio.Future[object] = asyncio.get_running_loop().create_future()

    def part(self) -> tuple[dict[str, str], bytes]:
        return {"id": "x"}, self.body

    def succeed(self, status: int, content_type: str, body: bytes, headers: object) -> None:
        self.end.set_result(status)

    def fail(self, error: RequestError) -> None:
        self.end.set_result(error.code)


def test_each_slot_has_its_worker_and_a_killed_one_its_successor(config: Config, dogs: list[bytes]) -> None:
    async def test(room: Room) -> None:
        await room.until(lambda: room.workers.ready == 2)
        assert [worker.slot for worker in room.connections] == [0, 1] and room.workers.precision == "float32"
        first, second = room.connections
        os.kill(second.pid, signal.SIGKILL)
        await room.until(lambda: second not in room.connections)
        await room.until(lambda: room.workers.ready == 2)
        assert room.connections[0] is first and room.connections[1].pid != second.pid and not room.ends
        request = Ask(dogs[0])
        room.dispatcher.submit(request)
        assert await request.end == 200

    with_room(test, config)


def test_one_that_hangs_is_killed_and_its_request_told(config: Config, dogs: list[bytes]) -> None:
    async def test(room: Room) -> None:
        await room.until(lambda: room.workers.ready == 1)
        (hung,) = room.connections
        os.kill(hung.pid, signal.SIGSTOP)
        request = Ask(dogs[0])
        room.dispatcher.submit(request)
        room.workers.sweep()
        await asyncio.sleep(0.1)
        assert hung in room.connections and not request.end.done()
        await asyncio.sleep(0.5)
        room.workers.sweep()
        assert await request.end == "WorkerDied"
        await room.until(lambda: room.workers.ready == 1)
        assert room.connections[0].pid != hung.pid

    with_room(test, replace(config, workers=1, request_timeout=0.5))


def test_a_reason_ends_it_at_once(config: Config, tmp_path: Path) -> None:
    base = artefact.copy(artefact.small(), tmp_path / "ml")
    artefact.rewrite(base, classes=("a", "b"))

    async def test(room: Room) -> None:
        await room.until(lambda: bool(room.ends))
        assert room.ends[0] == "model.xml: output is [1,5]; model.json lists 2 classes"

    with_room(test, replace(config, model=base / "model", workers=1))


def test_five_that_are_killed_while_loading_end_it_with_pauses_that_grow(config: Config) -> None:
    async def test(room: Room) -> None:
        killed: dict[int, float] = {}
        while not room.ends:
            for worker in room.connections:
                if worker.pid not in killed:
                    killed[worker.pid] = time.monotonic()
                    os.kill(worker.pid, signal.SIGKILL)
            await asyncio.sleep(0.01)
        times = list(killed.values())
        assert len(times) == 5
        assert room.ends == [
            "the model cannot be loaded: 5 worker processes, one after another, were killed by SIGKILL, most likely as memory"
            " was short, and printed nothing"
        ]
        assert times[4] - times[3] > 2 * (times[2] - times[1]) > 0.4

    with_room(test, replace(config, workers=1))


async def killed_while_loading(room: Room, known: set[int]) -> None:
    """Kills the next worker but those `known`, before it is ready."""
    await room.until(lambda: any(worker.pid not in known for worker in room.connections))
    (loading,) = (worker for worker in room.connections if worker.pid not in known)
    os.kill(loading.pid, signal.SIGKILL)
    await room.until(lambda: loading not in room.connections)
    assert not loading.ready


def test_with_one_try_a_killed_load_is_told_at_once_until_all_have_been_ready(config: Config) -> None:
    """Later the model is known to load, and to kill what answers for lack of a worker's memory would cost all its requests."""

    async def test(room: Room) -> None:
        await room.until(lambda: room.workers.ready == 1)
        (first,) = (worker for worker in room.connections if worker.ready)
        await killed_while_loading(room, {first.pid})
        await room.until(lambda: bool(room.ends))
        assert "its process was killed by SIGKILL, most likely as memory was short, and printed nothing" in room.ends[0]

    async def later(room: Room) -> None:
        await room.until(lambda: room.workers.ready == 1)
        (first,) = room.connections
        os.kill(first.pid, signal.SIGKILL)
        await killed_while_loading(room, {first.pid})
        await room.until(lambda: room.workers.ready == 1)
        assert not room.ends

    with_room(later, replace(config, workers=1), first_tries=1)
    with_room(test, config, first_tries=1)


@pytest.mark.parametrize(("number", "told"), [(signal.SIGTERM, "by SIGTERM"), (signal.SIGSEGV, "by SIGSEGV")])
def test_a_classifier_that_ends_while_it_loads_is_told_at_once(config: Config, number: int, told: str) -> None:
    async def test(room: Room) -> None:
        (loading,) = room.connections
        os.kill(loading.pid, number)
        await room.until(lambda: bool(room.ends))
        assert room.ends == [f"the model cannot be loaded: its process ended {told} and printed nothing"]

    with_room(test, replace(config, workers=1))


def test_workers_share_the_weights_that_they_map(config: Config) -> None:
    async def test(room: Room) -> None:
        await room.until(lambda: room.workers.ready == 2)
        for worker in room.connections:
            maps = [row for row in psutil.Process(worker.pid).memory_maps() if row.path == str(config.model / "model.bin")]
            assert maps and sum(row.rss for row in maps) > 0
            assert not any(row.private_dirty for row in maps), "a copy of its own"

    with_room(test, config)


@pytest.mark.parametrize(
    ("root", "given", "own_code", "path"),
    [
        ("/code", "", True, "/code"),
        ("/code", "/a::/code:/b", True, "/code:/a:/b"),
        ("/env/lib/python3.11/site-packages", "/a:/env/lib/python3.11/site-packages", True, "/a"),
        ("/usr/lib/python3/dist-packages", "", True, ""),
        ("/env/lib/python3.11/site-packages", "/a", False, "/env/lib/python3.11/site-packages:/a"),
    ],
)
def test_packages_that_a_persons_code_asked_for_go_before_ours(root: str, given: str, own_code: bool, path: str) -> None:
    assert python_path(root, given, own_code) == path
