"""Row 70. Standard output cannot be written: a full disk behind it, a reader that has stopped, one that has gone, or none at all.
Requests are answered, a lost worker is replaced, and SIGTERM ends the program."""

import os
import signal
import time
from collections.abc import Iterator

import psutil
import pytest

from tests.support import artefact
from tests.support.processes import alive
from tests.support.server import Server

REFUSED = 1_500
"""Requests that each cost a line of the log: together more than a pipe holds, and more than may wait."""


@pytest.fixture(params=["a full disk", "a reader that stopped", "a reader that has gone"])
def stdout(request: pytest.FixtureRequest) -> Iterator[int]:
    reading, writing = os.pipe()
    if request.param == "a full disk":
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, writing)
        os.close(full)
    if request.param == "a reader that has gone":
        os.close(reading)
    yield writing
    os.close(writing)
    if request.param != "a reader that has gone":
        os.close(reading)


def test_a_log_that_cannot_be_written_stops_nobody(stdout: int, dogs: list[bytes]) -> None:
    with Server(artefact.small(), stdout=stdout, SAGEMAKER_MODEL_SERVER_WORKERS=2) as server:
        assert {server.invoke(b"no picture").status for _ in range(REFUSED)} == {400}
        slowest = 0.0
        for _ in range(20):
            start = time.monotonic()
            assert server.ping().status == 200
            slowest = max(slowest, time.monotonic() - start)
        first, second = _workers(server)
        first.kill()
        start = time.monotonic()
        while len(found := _workers(server)) < 2 or first in found:
            assert time.monotonic() - start < 60 and second.is_running()
            time.sleep(0.05)
        replaced = time.monotonic() - start
        assert server.invoke(dogs[0]).status == 200
        start = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(15) == 0
        print(
            f"{REFUSED} lines nobody took: slowest /ping {1000 * slowest:.1f} ms, a worker replaced after {replaced:.1f} s, "
            f"ended in {time.monotonic() - start:.1f} s"
        )
        assert slowest < 5, "what waits for the reader waits for ever"


def test_a_program_without_standard_streams_serves(dogs: list[bytes]) -> None:
    """What is closed must not become a socket that log lines are written to."""
    with Server(artefact.small(), shell='exec "$@" <&- >&- 2>&-', SAGEMAKER_MODEL_SERVER_WORKERS=1) as server:
        assert server.invoke(b"no picture").status == 400 and server.invoke(dogs[0]).status == 200
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(15) == 0


def _workers(server: Server) -> list[psutil.Process]:
    """Live worker processes; the log does not name them here."""
    return alive(server.tree()[1:])
