"""Row 17: a worker that hangs (SIGSTOP): one request gets 504 at most; it is killed and replaced, the others go on."""

import threading
import time

import pytest

from tests.support import artefact
from tests.support.processes import alive
from tests.support.server import Answer, Server

TIMEOUT = 3


@pytest.mark.parametrize(("batch", "fewest"), [(1, 1), (2, 0)])
def test_a_hung_worker_is_told_killed_and_replaced(batch: int, fewest: int, dogs: list[bytes]) -> None:
    dog = dogs[0]
    settings = {"SAGEMAKER_MODEL_SERVER_WORKERS": 2, "SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS": TIMEOUT, "KENNEL_BATCH": batch}
    with Server(artefact.small(), **settings) as server:
        hung = server.workers()[0]
        hung.suspend()
        answers: list[tuple[Answer, float]] = []

        def ask() -> None:
            start = time.monotonic()
            answers.append((server.invoke(dog), time.monotonic() - start))

        threads = [threading.Thread(target=ask) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        late = [(answer, seconds) for answer, seconds in answers if answer.status != 200]
        print(f"12 requests, one worker of two stopped: {len(late)} late, {[round(seconds, 1) for _, seconds in late]} s")
        assert fewest <= len(late) <= 1, "of two that it held, both are asked again in time"
        for answer, seconds in late:
            assert answer.status == 504 and answer.json()["code"] == "Timeout"
            assert TIMEOUT <= seconds < TIMEOUT + 2
        server.wait_workers(2)
        deadline = time.monotonic() + 5
        while alive([hung]) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not alive([hung])
        assert server.invoke(dog).status == 200
