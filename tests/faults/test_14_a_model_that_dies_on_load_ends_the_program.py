"""Row 14: a model that cannot be loaded is told in one line at once; workers that are killed while loading end it too."""

import itertools
import os
import signal
import time
from pathlib import Path

from tests.support import artefact
from tests.support.server import Server


def test_wrong_shapes_end_the_program_with_one_line(tmp_path: Path) -> None:
    base = artefact.copy(artefact.small(), tmp_path / "ml")
    artefact.rewrite(base, classes=tuple(f"{place:03}.Breed" for place in range(9)))
    with Server(base, ready=False) as server:
        pings = _ping_until_end(server)
        seconds = time.monotonic() - server.started
        status, errors = server.wait_end(5)
        print(f"ended {seconds:.2f} s after launch with {status}: {errors.strip()}")
        assert status == 1
        assert errors.count("\n") == 1 and "model.xml" in errors and "9 classes" in errors
        assert 200 not in pings
        assert seconds < 15


def test_workers_killed_while_they_load_end_the_program() -> None:
    with Server(artefact.small(), ready=False, SAGEMAKER_MODEL_SERVER_WORKERS=1) as server:
        kills: dict[int, float] = {}
        while server.process.poll() is None and time.monotonic() - server.started < 60:
            for pid in {event["pid"] for event in server.events("worker_loading")} - set(kills):
                os.kill(pid, signal.SIGKILL)
                kills[pid] = time.monotonic()
            time.sleep(0.02)
        status, errors = server.wait_end(5)
        gaps = [round(after - before, 1) for before, after in itertools.pairwise(kills.values())]
        print(
            f"{len(kills)} tries, {gaps} s apart, ended {time.monotonic() - server.started:.1f} s after launch: {errors.strip()}"
        )
        assert status == 1 and errors.count("\n") == 1 and "worker" in errors
        assert len(kills) == 5
        assert not server.events("serving")


def _ping_until_end(server: Server) -> list[int]:
    seen = []
    while server.process.poll() is None:
        try:
            seen.append(server.ping().status)
        except OSError:
            seen.append(0)
        time.sleep(0.02)
    return seen
