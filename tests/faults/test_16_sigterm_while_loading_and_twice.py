"""Row 16: SIGTERM at any moment of the start ends the program with 0 in 5 s; a second one changes nothing."""

import signal
import threading
import time
from pathlib import Path

import pytest

from tests.support import artefact
from tests.support.processes import alive
from tests.support.server import Server


@pytest.mark.parametrize("delay", [0.4, 0.7, 1.2, 1.8])
def test_sigterm_while_loading(delay: float) -> None:
    with Server(artefact.small(), ready=False) as server:
        time.sleep(delay)
        tree = server.tree()
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.05)
        server.process.send_signal(signal.SIGTERM)
        start = time.monotonic()
        status, errors = server.wait_end(30)
        seconds = time.monotonic() - start
        time.sleep(0.2)
        left = alive(tree)
        print(f"SIGTERM twice {delay} s after launch: exit {status} after {seconds:.2f} s, {len(left)} processes left")
        assert (status, errors, left) == (0, "", [])
        assert seconds < 5
        assert not any(Path(server.folder.name).glob("serve-*"))


def test_a_second_signal_does_not_shorten_the_drain(dogs: list[bytes]) -> None:
    dog = dogs[0]
    with Server(artefact.small(), SAGEMAKER_MODEL_SERVER_WORKERS=1) as server:
        statuses: list[int] = []
        threads = [threading.Thread(target=lambda: statuses.append(server.invoke(dog).status)) for _ in range(40)]
        worker = server.workers()[0]
        worker.suspend()  # everything queues behind it
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        for _ in range(3):
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.1)
        worker.resume()
        for thread in threads:
            thread.join()
        status, _ = server.wait_end(30)
        print(f"three signals with 40 requests waiting: {statuses.count(200)} answered, exit {status}")
        assert statuses == [200] * 40 and status == 0
