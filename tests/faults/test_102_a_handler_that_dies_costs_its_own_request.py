"""Row 102: a person's handler ends its process, by exit, signal or interrupt: its request gets 500, a new worker comes."""

import time
from pathlib import Path

import pytest

from tests.support import own_model
from tests.support.server import Server
from tests.support.train_jobs import wait_until


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> object:
    with own_model.clumsy(tmp_path_factory.mktemp("dies") / "ml") as running:
        yield running


@pytest.mark.parametrize("word", ["exit", "segfault", "interrupt", "close", "garbage", "lies"])
def test_a_handler_that_dies_costs_its_own_request(server: Server, word: str, tmp_path: Path) -> None:
    """`close`, `garbage` and `lies`: of the socket to the program, which is as good as dead then."""
    before = set(server.wait_workers(2))
    answer, start = server.invoke(word.encode()), time.monotonic()
    assert answer.status == 500 and answer.json()["code"] == "WorkerDied"
    assert server.invoke(b"x").status == 200 and server.ping().status == 200
    wait_until(lambda: len(set(server.workers()) - before) == 1, seconds=60)
    print(f"{word}: {answer.status}, a new worker after {time.monotonic() - start:.1f} s")
    wait_until(lambda: len(before & set(server.workers())) == 1)
