"""Row 26: out of memory costs the request that ran out (507) and nobody else; a worker that the kernel takes comes again."""

import io
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
from PIL import Image

from scripts.images.docker_engine import ask
from tests.support import artefact, containers
from tests.support.containers import ServeContainer
from tests.support.server import Server

ROOM = 40 << 20
"""Bytes that are left: enough for any photograph, too little for the largest picture that is accepted."""


def largest() -> bytes:
    """39.7 million pixels, 119 MB once decoded, in a few kilobytes."""
    body = io.BytesIO()
    Image.new("RGB", (6300, 6300), (90, 60, 30)).save(body, "PNG")
    return body.getvalue()


def small() -> bytes:
    body = io.BytesIO()
    Image.new("RGB", (200, 150), (90, 60, 30)).save(body, "JPEG")
    return body.getvalue()


@contextmanager
def neighbours(server: Server) -> Iterator[list[int]]:
    """Others who ask all the time; their statuses are complete when the context ends."""
    statuses: list[int] = []
    done = threading.Event()

    def ask_on() -> None:
        while not done.is_set():
            statuses.append(server.invoke(small()).status)
            time.sleep(0.02)

    thread = threading.Thread(target=ask_on)
    thread.start()
    try:
        yield statuses
    finally:
        done.set()
        thread.join(60)


def test_a_worker_without_memory_answers_507_and_goes_on() -> None:
    """The limit of the address space, as a limit of the machine that the program is told of."""
    with Server(artefact.small(), SAGEMAKER_MODEL_SERVER_WORKERS=2) as server:
        workers = server.workers()
        assert server.invoke(largest(), "image/png").status == 200
        for worker in workers:
            worker.rlimit(psutil.RLIMIT_AS, (worker.memory_info().vms + ROOM, -1))
        with neighbours(server) as statuses:
            answer = server.invoke(largest(), "image/png")
            assert answer.status == 507 and answer.json()["code"] == "OutOfMemory", answer
            time.sleep(0.5)
        for worker in workers:
            worker.rlimit(psutil.RLIMIT_AS, (-1, -1))
        assert server.invoke(largest(), "image/png").status == 200
        print(f"one 507; {len(statuses)} requests of neighbours: {set(statuses)}")
        assert set(statuses) == {200} and len(statuses) > 3
        assert sorted(worker.pid for worker in server.workers()) == sorted(worker.pid for worker in workers)


def test_a_worker_that_the_kernel_takes_costs_one_507(built_images: dict[str, str]) -> None:
    """The container's limit: the kernel kills, and of all processes it is the worker with the picture."""
    with ServeContainer(built_images["serve-cpu"], artefact.small(), SAGEMAKER_MODEL_SERVER_WORKERS=2) as server:
        assert server.invoke(largest(), "image/png").status == 200
        limit(server.name, used(server.name) + ROOM)
        with neighbours(server) as statuses:
            answer = server.invoke(largest(), "image/png")
            limit(server.name, 4 << 30)
            end = time.monotonic() + 30
            while len(server.events("worker_ready")) < 3:
                assert time.monotonic() < end, "the worker does not come again"
                time.sleep(0.1)
        assert answer.status == 507 and answer.json()["code"] == "OutOfMemory", answer
        print(f"one 507; {len(statuses)} requests of neighbours: {set(statuses)}")
        assert set(statuses) == {200} and len(statuses) > 3
        assert len(server.events("worker_gone")) == 1
        assert server.invoke(largest(), "image/png").status == 200
        assert containers.running(server.name)


def used(name: str) -> int:
    """Bytes that the container's processes hold, without what the kernel keeps of files."""
    code = (
        "from pathlib import Path\n"
        "sizes = [path.read_text() for path in Path('/proc').glob('[0-9]*/smaps_rollup')]\n"
        "print(sum(int(line.split()[1]) for text in sizes for line in text.splitlines() if line.startswith('Anonymous')) * 1024)"
    )
    return int(ask("exec", name, "python", "-c", code))


def limit(name: str, size: int) -> None:
    ask("update", "--memory", str(size), "--memory-swap", str(size), name)
