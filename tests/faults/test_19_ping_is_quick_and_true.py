"""Row 19: /ping while the CPUs are saturated, while the model loads, and with all workers dead."""

import multiprocessing
import threading
import time
from pathlib import Path

from bench.load import Load, run
from tests.support import artefact
from tests.support.processes import alive
from tests.support.server import Server


def test_ping_while_loading_is_never_200_before_the_model_answers(dogs: list[bytes]) -> None:
    dog = dogs[0]
    with Server(artefact.small(), ready=False) as server:
        refused = 0
        while True:
            try:
                status = server.ping().status
                break
            except ConnectionRefusedError:
                refused += 1
                time.sleep(0.01)
        answer = server.invoke(dog)
        print(f"port closed for {refused} tries and {time.monotonic() - server.started:.2f} s; first ping {status}")
        assert refused > 5 and status == 200 and answer.status == 200


def test_ping_while_the_cpus_are_saturated(dogs: list[bytes]) -> None:
    with Server(artefact.small()) as server:
        burners = [multiprocessing.get_context("spawn").Process(target=_burn, args=(6.0,)) for _ in range(4)]
        loading = threading.Thread(target=run, args=(Load(bodies=dogs, clients=8, port=server.port), 5.0))
        for work in (*burners, loading):
            work.start()
        times = []
        while loading.is_alive():
            start = time.monotonic()
            assert server.ping().status == 200
            times.append(time.monotonic() - start)
            time.sleep(0.02)
        for work in burners:
            work.join()
        times.sort()
        middle, slowest = times[len(times) // 2], times[-1]
        print(f"{len(times)} pings under 4 burners and 8 clients: median {middle * 1000:.1f} ms, slowest {slowest * 1000:.0f} ms")
        assert slowest < 2


def test_a_dead_worker_is_503_until_the_next_one_is_ready() -> None:
    with Server(artefact.small(), SAGEMAKER_MODEL_SERVER_WORKERS=1) as server:
        server.workers()[0].kill()
        start, statuses = time.monotonic(), []
        while (not statuses or statuses[-1] == 503 or 503 not in statuses) and time.monotonic() - start < 30:
            statuses.append(server.ping().status)
            time.sleep(0.02)
        seconds = time.monotonic() - start
        print(f"/ping said {sorted(set(statuses))}, 200 again after {seconds:.2f} s")
        assert statuses[-1] == 200 and 503 in statuses and len(server.wait_workers(1)) == 1


def test_a_model_that_is_lost_while_serving_ends_the_program(tmp_path: Path) -> None:
    base = artefact.copy(artefact.small(), tmp_path / "ml")
    with Server(base, SAGEMAKER_MODEL_SERVER_WORKERS=1) as server:
        tree = server.tree()
        (base / "model" / "model.xml").write_text("gone")
        server.workers()[0].kill()
        start = time.monotonic()
        status, errors = server.wait_end(15)
        print(f"ended {time.monotonic() - start:.2f} s after the worker with {status}: {errors.strip()}")
        assert status == 1 and errors.count("\n") == 1 and "model.xml" in errors
        assert not alive(tree)


def _burn(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
