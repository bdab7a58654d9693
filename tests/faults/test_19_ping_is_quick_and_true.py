"""Row 19: /ping while the CPUs are saturated, while the model loads, and with all workers dead."""

import multiprocessing
import threading
import time
from pathlib import Path

from bench.load import Load, run
from tests import artefact
from tests.server import Server, alive


def test_ping_while_loading_is_never_200_before_the_model_answers(shared_data: Path) -> None:
    dog = next((shared_data / "dogs" / "test").rglob("*.jpg")).read_bytes()
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


def test_ping_while_the_cpus_are_saturated(shared_data: Path) -> None:
    dogs = [path.read_bytes() for path in sorted((shared_data / "dogs" / "test").rglob("*.jpg"))[:24]]
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


def test_all_workers_dead_is_503_and_then_the_end() -> None:
    with Server(artefact.small(), SAGEMAKER_MODEL_SERVER_WORKERS=1) as server:
        worker = server.workers()[0]
        worker.parent().kill()  # the process MMS forks its workers from; MMS never starts another
        worker.kill()
        start = time.monotonic()
        statuses = []
        while server.process.poll() is None and time.monotonic() - start < 30:
            try:
                statuses.append(server.ping().status)
            except OSError:
                break
            time.sleep(0.1)
        status, errors = server.wait_end(15)
        seconds = time.monotonic() - start
        print(f"/ping said {sorted(set(statuses))}, ended after {seconds:.1f} s with {status}: {errors.strip()}")
        assert statuses.count(200) <= 1 and 503 in statuses
        assert status == 1 and errors.count("\n") == 1
        assert 9 < seconds < 16


def test_a_dead_java_process_ends_the_program_at_once() -> None:
    with Server(artefact.small()) as server:
        tree = server.tree()
        next(process for process in tree if process.name() == "java").kill()
        start = time.monotonic()
        status, errors = server.wait_end(10)
        time.sleep(0.2)
        left = alive(tree)
        print(f"ended {time.monotonic() - start:.2f} s after the JVM with {status}: {errors.strip()}; {len(left)} left")
        assert status == 1 and "JVM" in errors and not left


def _burn(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
