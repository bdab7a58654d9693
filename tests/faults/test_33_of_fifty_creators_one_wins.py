"""Row 33: 50 threads create the same job or endpoint: exactly one 200. States move along allowed edges only; no child is lost."""

import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from botocore.exceptions import ClientError

from tests.support.local_server import LocalServer, job_request, make_config, wait_for_endpoint, wait_for_job, wait_until

EDGES = {
    ("InProgress", "Completed"),
    ("InProgress", "Failed"),
    ("InProgress", "Stopping"),
    ("InProgress", "Stopped"),
    ("Stopping", "Stopped"),
    ("Stopping", "Failed"),
}
"""InProgress to Stopped: a look every few milliseconds may miss Stopping."""


@pytest.fixture()
def server(tmp_path: Path) -> Iterator[LocalServer]:
    started = LocalServer(tmp_path / "root")
    started.s3.create_bucket(Bucket="bucket")
    yield started
    started.stop()


def outcomes(calls: list[Callable[[], object]]) -> Counter[str]:
    """Makes every call at once, each in a thread of its own; counts "ok" and the codes of the errors."""
    counts: Counter[str] = Counter()
    gate, lock = threading.Barrier(len(calls)), threading.Lock()

    def one(call: Callable[[], object]) -> None:
        gate.wait()
        try:
            call()
            outcome = "ok"
        except ClientError as error:
            outcome = error.response["Error"]["Code"]
        with lock:
            counts[outcome] += 1

    threads = [threading.Thread(target=one, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return counts


def container_count(root: Path) -> int:
    """Containers of this root that live, by their first process."""
    return sum(
        "container_init.py" in " ".join(line) and str(root) in " ".join(line)
        for process in psutil.process_iter(["cmdline"])
        if (line := process.info["cmdline"])
    )


def test_fifty_threads_create_the_same_job(server: LocalServer) -> None:
    request = job_request("same", HyperParameters={"wait": "1"})
    found = outcomes([lambda: server.sagemaker.create_training_job(**request)] * 50)
    print(f"CreateTrainingJob by 50 threads: {dict(found)}")
    assert found == {"ok": 1, "ResourceInUse": 49}
    assert container_count(server.root) <= 1
    assert wait_for_job(server, "same")["TrainingJobStatus"] == "Completed"
    assert container_count(server.root) == 0


def test_fifty_threads_create_the_same_endpoint(server: LocalServer) -> None:
    make_config(server, "config")
    create = lambda: server.sagemaker.create_endpoint(EndpointName="same", EndpointConfigName="config")  # noqa: E731
    found = outcomes([create] * 50)
    print(f"CreateEndpoint by 50 threads: {dict(found)}")
    assert found == {"ok": 1, "ValidationException": 49}
    assert wait_for_endpoint(server, "same")["EndpointStatus"] == "InService"
    assert container_count(server.root) == 1
    deleted = outcomes([lambda: server.sagemaker.delete_endpoint(EndpointName="same")] * 10)
    assert deleted["ok"] == 1
    wait_until(lambda: container_count(server.root) == 0)


def test_an_endpoint_that_comes_up_cannot_be_deleted(server: LocalServer) -> None:
    """Its container answers a second after it was started, which is when the deletion is asked for."""
    server.sagemaker.create_endpoint(EndpointName="coming", EndpointConfigName=make_config(server, "late", MODE="late"))
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        server.sagemaker.delete_endpoint(EndpointName="coming")
    assert wait_for_endpoint(server, "coming")["EndpointStatus"] == "InService"
    server.sagemaker.delete_endpoint(EndpointName="coming")
    wait_until(lambda: container_count(server.root) == 0)


def test_stops_deletes_and_creates_at_random_keep_to_the_allowed_edges(server: LocalServer) -> None:
    """Four threads do what they like to three names for some seconds, while each job's statuses are watched."""
    dice, until = random.Random(33), time.monotonic() + 6
    names = ["a", "b", "c"]
    seen: set[tuple[str, str]] = set()

    def meddle(seed: int) -> None:
        mine = random.Random(seed)
        while time.monotonic() < until:
            name = mine.choice(names)
            try:
                match mine.randrange(3):
                    case 0:
                        wait = mine.choice(["0", "0.2", "20"])
                        server.sagemaker.create_training_job(**job_request(name, HyperParameters={"wait": wait}))
                    case 1:
                        server.sagemaker.stop_training_job(TrainingJobName=name)
                    case _:
                        server.sagemaker.delete_training_job(TrainingJobName=name)
            except ClientError as error:
                assert error.response["Error"]["Code"] in ("ResourceInUse", "ValidationException"), error
            time.sleep(mine.random() * 0.02)

    def watch() -> None:
        last: dict[str, tuple[object, str]] = {}
        while time.monotonic() < until:
            for job in server.sagemaker.list_training_jobs()["TrainingJobSummaries"]:
                name, born, status = job["TrainingJobName"], job["CreationTime"], job["TrainingJobStatus"]
                before = last.get(name)
                if before is not None and before[0] == born and before[1] != status:
                    seen.add((before[1], status))
                last[name] = (born, status)

    threads = [threading.Thread(target=meddle, args=(dice.random(),)) for _ in range(4)] + [threading.Thread(target=watch)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"edges seen: {sorted(seen)}")
    assert seen and seen <= EDGES
    for job in server.sagemaker.list_training_jobs()["TrainingJobSummaries"]:
        if job["TrainingJobStatus"] == "InProgress":
            with contextlib.suppress(ClientError):  # it may have ended meanwhile
                server.sagemaker.stop_training_job(TrainingJobName=job["TrainingJobName"])
        wait_for_job(server, job["TrainingJobName"])
    wait_until(lambda: container_count(server.root) == 0)
    assert "Traceback" not in (server.root / "server.log").read_text()
