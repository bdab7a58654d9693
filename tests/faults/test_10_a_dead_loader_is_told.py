"""Row 10: a loader that is killed, or a /dev/shm that is too small, ends the job at once and says what to change."""

import time
from pathlib import Path

import psutil

from tests.support.containers import TrainContainer
from tests.support.processes import words
from tests.support.train_jobs import Container, ended, wait_until

BUDGET = 30.0


def test_a_killed_loader_ends_the_job(tmp_path: Path) -> None:
    container = Container(tmp_path / "ml", epochs="10000", loader_workers="1")
    process = container.start()
    wait_until(lambda: len(container.steps()) > 4)
    worker = next(child for child in psutil.Process(process.pid).children() if "train.worker" in words(child))
    loaders = [child for child in worker.children() if words(child) == words(worker)]  # forked from it
    assert len(loaders) == 1, [words(child) for child in worker.children()]
    began = time.monotonic()
    loaders[0].kill()
    run = ended(process)
    seconds = time.monotonic() - began
    print(f"over {seconds:.1f} s after the kill: {container.failure}")
    assert run.code == 1 and seconds < BUDGET
    assert container.failure.startswith("LoaderError: one of 1 loader worker(s) died or hung")
    assert "lower loader-workers" in container.failure and "/dev/shm" in container.failure


def test_a_small_shared_memory_is_told_before_the_first_step(built_images: dict[str, str], tmp_path: Path) -> None:
    large = {"picture_size": "224", "batch_size": "16", "loader_workers": "1"}
    job = TrainContainer(built_images["train"], tmp_path / "ml", **large)
    run = job.run("--shm-size", "1m")
    print(f"{run.seconds:.1f} s: {job.failure}")
    assert run.code == 1
    assert job.failure.startswith("SharedMemoryError: shared memory: /dev/shm has ")
    assert "docker run --shm-size" in job.failure and "loader-workers" in job.failure
    assert not job.steps()
