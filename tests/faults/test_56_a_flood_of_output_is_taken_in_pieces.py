"""Row 56: a job, an evaluator or an endpoint prints as fast as it can. Memory stays flat; stop and MaxRuntime act in time."""

import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.local_server import LocalServer, job_request, log_lines, processing_request, wait_until

SECONDS = 6.0
"""Of flood before each stop; a minute and more on request."""
GROWTH = 120 << 20
"""Bytes the server may grow by in all: in the version before, two gigabytes a minute."""
FLOODS = {
    "lines": "line = b'loss=0.5; ' + b'x' * 90 + b'\\n'",
    "a line without end": "line = b'x' * 100",
    "a progress bar": "line = b'\\rloss=0.5;' + b'x' * 60",
}
ENDLESS = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
{line}
print('begin', flush=True)
while True: os.write(1, line * 2000); time.sleep(0.003)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A server of this file's own: its memory is looked at."""
    started = LocalServer(tmp_path_factory.mktemp("root"))
    started.s3.create_bucket(Bucket="bucket")
    yield started
    started.kill()


@contextlib.contextmanager
def memory_of(server: LocalServer) -> Iterator[list[int]]:
    """The server's memory now and at the end, in bytes."""
    process = psutil.Process(server.process.pid)
    seen = [process.memory_info().rss]
    yield seen
    seen.append(process.memory_info().rss)


def program(tmp_path: Path, what: str) -> list[str]:
    (tmp_path / "flood.py").write_text(ENDLESS.format(line=FLOODS[what]))
    return [sys.executable, str(tmp_path / "flood.py")]


def training(tmp_path: Path, what: str, name: str, **change: Any) -> dict[str, Any]:
    request = job_request(name, **change)
    request["AlgorithmSpecification"]["ContainerEntrypoint"] = program(tmp_path, what)
    return request


def printed(server: LocalServer, place: str) -> int:
    return sum(path.stat().st_size for path in server.files(f"{place}/*/log"))


def watch(server: LocalServer, seconds: float) -> float:
    """The slowest of the calls that others make meanwhile."""
    until, slowest = time.monotonic() + seconds, 0.0
    while time.monotonic() < until:
        asked = time.monotonic()
        server.sagemaker.list_training_jobs()
        slowest = max(slowest, time.monotonic() - asked)
    return slowest


@pytest.mark.parametrize("what", FLOODS)
def test_a_training_job_is_stopped_in_time(server: LocalServer, tmp_path: Path, what: str) -> None:
    name = f"flood-{list(FLOODS).index(what)}"
    with memory_of(server) as memory:
        server.sagemaker.create_training_job(**training(tmp_path, what, name))
        wait_until(lambda: printed(server, f"jobs/{name}"))
        slowest = watch(server, SECONDS)
        size = printed(server, f"jobs/{name}")
        asked = time.monotonic()
        server.sagemaker.stop_training_job(TrainingJobName=name)
        describe = server.sagemaker.describe_training_job
        wait_until(lambda: describe(TrainingJobName=name)["TrainingJobStatus"] == "Stopped", 60)
        took = time.monotonic() - asked
    grown = memory[1] - memory[0]
    print(
        f"{what}: {size / SECONDS / 1e6:.0f} MB/s; stopped in {took:.1f} s, grew by {grown / 1e6:.0f} MB,"
        f" slowest call {slowest:.2f} s"
    )
    assert took < 2 and grown < GROWTH and slowest < 2
    assert "begin" in log_lines(server, name)[0]
    if what == "lines":
        assert describe(TrainingJobName=name)["FinalMetricDataList"][0]["Value"] == 0.5


def test_max_runtime_acts_in_time(server: LocalServer, tmp_path: Path) -> None:
    limit = 4
    server.sagemaker.create_training_job(
        **training(tmp_path, "lines", "limited", StoppingCondition={"MaxRuntimeInSeconds": limit})
    )
    describe = server.sagemaker.describe_training_job
    wait_until(lambda: describe(TrainingJobName="limited")["TrainingJobStatus"] == "Stopped", 60)
    job = describe(TrainingJobName="limited")
    ran = (job["TrainingEndTime"] - job["TrainingStartTime"]).total_seconds()
    print(f"MaxRuntimeInSeconds {limit}: the job was over after {ran:.1f} s")
    assert job["SecondaryStatus"] == "MaxRuntimeExceeded" and ran < limit + 2


def test_a_processing_job_is_stopped_in_time(server: LocalServer, tmp_path: Path) -> None:
    request = processing_request("flood")
    request["AppSpecification"]["ContainerEntrypoint"] = program(tmp_path, "lines")
    with memory_of(server) as memory:
        server.sagemaker.create_processing_job(**request)
        wait_until(lambda: printed(server, "processing/flood"))
        watch(server, SECONDS / 2)
        asked = time.monotonic()
        server.sagemaker.stop_processing_job(ProcessingJobName="flood")
        describe = server.sagemaker.describe_processing_job
        wait_until(lambda: describe(ProcessingJobName="flood")["ProcessingJobStatus"] == "Stopped", 60)
        took = time.monotonic() - asked
    print(f"a processing job: stopped in {took:.1f} s, grew by {(memory[1] - memory[0]) / 1e6:.0f} MB")
    assert took < 2.5 and memory[1] - memory[0] < GROWTH  # it looks up once a second


def test_the_server_stops_in_time(server: LocalServer, tmp_path: Path) -> None:
    server.sagemaker.create_training_job(**training(tmp_path, "lines", "last"))
    wait_until(lambda: printed(server, "jobs/last") > 20e6, 30)
    asked = time.monotonic()
    server.stop()
    took = time.monotonic() - asked
    print(f"SIGTERM in the flood: the server had ended after {took:.1f} s")
    assert took < 5
