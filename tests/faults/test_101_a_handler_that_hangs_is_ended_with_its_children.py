"""Row 101: a person's handler hangs, alone or in a child: 504 in time, worker and child are ended, the others answer on."""

import threading
import time
from pathlib import Path

import pytest

from tests.support import own_model
from tests.support.processes import alive, state
from tests.support.server import Answer


@pytest.mark.parametrize("word", ["hang", "hang with a child"])
def test_a_handler_that_hangs_is_ended_with_its_children(tmp_path: Path, word: str) -> None:
    with own_model.clumsy(tmp_path / "ml") as server:
        answers: list[Answer] = []
        asked = threading.Thread(target=lambda: answers.append(server.invoke(word.encode())))
        start = time.monotonic()
        asked.start()
        time.sleep(1)
        tree = [process for worker in server.workers() for process in [worker, *worker.children(recursive=True)]]
        slowest = 0.0
        while asked.is_alive():
            before = time.monotonic()
            assert server.invoke(b"x").status == 200 and server.ping().status == 200
            slowest = max(slowest, time.monotonic() - before)
        seconds = time.monotonic() - start
        server.wait_workers(2)
        left = [process for process in tree if process in alive(tree) and process not in server.workers()]
        print(f"{word}: {answers[0].status} after {seconds:.1f} s, others within {slowest:.2f} s, {len(tree)} processes before")
    assert answers[0].status == 504 and 3 <= seconds < 20 and slowest < 3
    assert not left and len(tree) == (3 if "child" in word else 2)
    assert not [process for process in tree if state(process) == "sleeping"]
