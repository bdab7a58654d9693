"""Row 55: a job leaves a tree of 3,000 folders, folders that forbid all, or what nobody may remove. Deleting the job works,
the next server starts, and what stays is named."""

import json
import time
from collections.abc import Iterator

import pytest

from local_sagemaker.containers.folder_removal import remove_tree
from tests.support.hostile import DEEP_TREE, unremovable
from tests.support.local_server import LocalServer, job_request, processing_request, wait_for_job, wait_for_processing, wait_until

DEPTH = 3000
DEEP = "top = base / {folder!r}\n" + DEEP_TREE.format(depth=DEPTH)
FORBIDDEN = """
for mode in (0o000, 0o100, 0o400, 0o555):
    inner = base / "model" / oct(mode) / "inner"
    inner.mkdir(parents=True)
    (inner / "file").write_text("x")
    inner.chmod(mode)
    inner.parent.chmod(mode)
"""
ODD = """
import os
for name in ("\\udcff", "a\\nb", "x" * 255, "-rf", "\\x1b[31m"):
    (base / "model" / name).mkdir()
    (base / "model" / name / "loop").symlink_to("..")
    os.mkfifo(base / "model" / name / "pipe")
"""
TREES = {
    "3000 folders in the model": DEEP.format(folder="model"),
    "3000 folders in the checkpoints": DEEP.format(folder="checkpoints"),
    "3000 folders beside": DEEP.format(folder="input"),
    "forbidden folders": FORBIDDEN,
    "odd names": ODD,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    started = LocalServer(tmp_path_factory.mktemp("root"))
    started.s3.create_bucket(Bucket="bucket")
    yield started
    started.stop()
    for place in ("jobs", "processing"):
        remove_tree(started.root / place)  # where a test failed: what clears old folders of tests cannot remove such a tree


@pytest.mark.parametrize("tree", TREES)
def test_a_failed_job_with_such_a_tree_is_deleted(server: LocalServer, tree: str) -> None:
    name = tree.replace(" ", "-")
    code = json.dumps(TREES[tree])
    request = job_request(name, CheckpointConfig={"S3Uri": "s3://bucket/checkpoints"})
    server.sagemaker.create_training_job(**request, HyperParameters={"python": code, "exit": "1"})
    job = wait_for_job(server, name, 60)
    print(f"{tree}: {job['FailureReason']}")
    assert job["TrainingJobStatus"] == "Failed"
    began = time.monotonic()
    server.sagemaker.delete_training_job(TrainingJobName=name)
    print(f"deleted in {time.monotonic() - began:.2f} s")
    assert not (server.root / "jobs" / name).exists()
    server.sagemaker.create_training_job(**job_request(name))  # the name is free, and so is its folder
    assert wait_for_job(server, name)["TrainingJobStatus"] == "Completed"


def test_a_processing_job_too(server: LocalServer) -> None:
    code = json.dumps(DEEP.format(folder="output"))
    (server.root / "code").write_text(DEEP.format(folder="output"))
    code = json.dumps(f"exec(open({str(server.root / 'code')!r}).read())")  # longer than a variable may be
    server.sagemaker.create_processing_job(**processing_request("deep", {"python": code}))
    assert wait_for_processing(server, "deep")["ProcessingJobStatus"] == "Completed"
    wait_until(lambda: not (server.root / "processing" / "deep").exists(), 20)


def test_a_tree_that_a_killed_server_left_does_not_stop_the_next(server: LocalServer) -> None:
    code = json.dumps(DEEP.format(folder="model"))
    server.sagemaker.create_training_job(**job_request("left", HyperParameters={"python": code, "exit": "1"}))
    assert wait_for_job(server, "left", 60)["TrainingJobStatus"] == "Failed"
    server.kill()
    stray = server.root / "jobs" / "stray"
    (server.root / "jobs" / "left").rename(stray)  # what a server leaves that is killed while it deletes a job
    seconds = server.start()
    print(f"started in {seconds:.1f} s")
    assert not stray.exists()


def test_what_nobody_may_remove_is_named_and_stops_nothing(server: LocalServer) -> None:
    write = {"model/kept/weights": "x", "model/gone/weights": "x"}
    hyperparameters = {"write": json.dumps(write), "exit": "1"}
    server.sagemaker.create_training_job(**job_request("kept", HyperParameters=hyperparameters))
    assert wait_for_job(server, "kept")["TrainingJobStatus"] == "Failed"
    folder = server.root / "jobs" / "kept"
    log = server.root / "server.log"
    with unremovable(folder / "algo-1/opt/ml/model/kept"):
        server.sagemaker.delete_training_job(TrainingJobName="kept")
        assert "kept is not removed: /algo-1/opt/ml/model/kept/weights: Operation not permitted" in log.read_text()
        assert [path.name for path in folder.rglob("*") if path.is_file()] == ["weights"]
        server.sagemaker.create_training_job(**job_request("kept"))
        job = wait_for_job(server, "kept")
        assert job["TrainingJobStatus"] == "Failed" and f"{folder} of an earlier job cannot be removed" in job["FailureReason"]
        server.sagemaker.delete_training_job(TrainingJobName="kept")
        server.kill()
        written = log.stat().st_size
        server.start()
        told = log.read_text()[written:]
        assert "kept is not removed: /algo-1/opt/ml/model/kept/weights" in told and "Traceback" not in told
    server.kill()
    server.start()
    assert not folder.exists()
