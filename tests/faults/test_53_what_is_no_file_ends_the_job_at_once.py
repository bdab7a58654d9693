"""Row 53: a FIFO, a socket, a folder or a device lies where the server reads or writes a file. Nothing waits for it: the job ends
at once with the path, the server goes on answering, and a restart changes nothing."""

import json
import os
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.local_server import (
    LocalServer,
    ask,
    job_request,
    log_lines,
    make_endpoint,
    processing_request,
    wait_for_job,
    wait_for_processing,
    wait_until,
)

SECONDS = 20.0
"""A job that fails for its folder has failed by then, on a busy machine too."""
TENSORS = {"DebugHookConfig": {"S3OutputPath": "s3://bucket/tensors"}}
MAKE = {
    "a FIFO": "os.mkfifo(path)",
    "a socket": "os.chdir(path.parent); socket.socket(socket.AF_UNIX).bind(path.name)",
    "a folder": "path.mkdir()",
    "a device": "os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))",
}
"""The device is /dev/zero, which has no end. Only root makes one."""
KINDS = [kind for kind in MAKE if kind != "a device" or os.geteuid() == 0]
PLACE = """
import os, socket, stat
path = base / {path!r}
path.parent.mkdir(parents=True, exist_ok=True)
path.unlink(missing_ok=True)
{make}
"""
JOBS: dict[str, tuple[str, dict[str, str], dict[str, Any]]] = {
    "failure": ("output/failure", {"exit": "1"}, {}),
    "end": ("output/tensors/training_job_end.ts", {}, TENSORS),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    started = LocalServer(tmp_path_factory.mktemp("root"))
    started.s3.create_bucket(Bucket="bucket")
    yield started
    started.stop()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", JOBS)
def test_a_training_job_fails_with_the_path(server: LocalServer, place: str, kind: str) -> None:
    path, hyperparameters, members = JOBS[place]
    name = f"train-{place}-{kind.split()[-1]}"
    code = PLACE.format(path=path, make=MAKE[kind])
    began = time.monotonic()
    server.sagemaker.create_training_job(
        **job_request(name, HyperParameters={"python": json.dumps(code), **hyperparameters}, **members)
    )
    job = wait_for_job(server, name, SECONDS)
    print(f"{path}, {kind}: {job['TrainingJobStatus']} after {time.monotonic() - began:.1f} s: {job['FailureReason']}")
    assert job["TrainingJobStatus"] == "Failed"
    assert f"/opt/ml/{path} is {kind}" in job["FailureReason"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_processing_job_fails_with_the_path(server: LocalServer, kind: str) -> None:
    name = f"processing-{kind.split()[-1]}"
    code = PLACE.format(path="output/message", make=MAKE[kind])
    server.sagemaker.create_processing_job(**processing_request(name, {"python": json.dumps(code)}))
    job = wait_for_processing(server, name, SECONDS)
    print(f"{kind}: {job.get('FailureReason')}")
    assert job["ProcessingJobStatus"] == "Failed" and f"/opt/ml/output/message is {kind}" in job["FailureReason"]


@pytest.mark.parametrize("kind", ["a FIFO", "a socket", "a symbolic link"])
def test_the_log_of_a_container_may_be_nothing_else_either(server: LocalServer, kind: str) -> None:
    """A process is not isolated, so its log is within its reach."""
    name = f"log-{kind.split()[-1]}"
    make = {**MAKE, "a symbolic link": "os.symlink('/dev/zero', path)"}[kind]
    code = PLACE.format(path="../../log", make=make)
    server.sagemaker.create_training_job(**job_request(name, HyperParameters={"python": json.dumps(code), "wait": "30"}))
    job = wait_for_job(server, name, SECONDS)
    assert job["TrainingJobStatus"] == "Failed" and f"/log is {kind}" in job["FailureReason"], job


SWAP = "import os; log = base.parents[1] / 'log'; log.unlink(); os.mkfifo(log)"


def test_an_endpoint_whose_log_is_none_serves_on_with_another_instance(server: LocalServer) -> None:
    assert make_endpoint(server, "swapped")["EndpointStatus"] == "InService"
    before = ask(server, "swapped", "pid")
    ask(server, "swapped", f"python {SWAP}")

    def replaced() -> bool:
        try:
            return ask(server, "swapped", "pid") != before
        except ClientError:
            return False

    wait_until(replaced, SECONDS)
    events = server.logs.filter_log_events(logGroupName="/aws/sagemaker/Endpoints/swapped")["events"]
    assert [event for event in events if "[platform] replaced" in event["message"] and "/log is a FIFO" in event["message"]]
    server.sagemaker.delete_endpoint(EndpointName="swapped")
    wait_until(lambda: not server.sagemaker.list_endpoints(NameContains="swapped")["Endpoints"], SECONDS)


def test_an_endpoint_that_comes_up_without_a_log_fails_with_the_path(server: LocalServer) -> None:
    found = make_endpoint(server, "unlogged", MODE="never", START=SWAP)
    assert found["EndpointStatus"] == "Failed" and "/log is a FIFO" in found["FailureReason"], found
    server.sagemaker.delete_endpoint(EndpointName="unlogged")
    wait_until(lambda: not server.sagemaker.list_endpoints(NameContains="unlogged")["Endpoints"], SECONDS)


def test_things_among_the_files_of_a_folder_are_left_out_and_told(server: LocalServer) -> None:
    makes = [
        PLACE.format(path=f"{folder}/{kind.split()[-1]}", make=MAKE[kind])
        for folder in ("model", "output/data", "checkpoints")
        for kind in ("a FIFO", "a socket")
    ]
    request = job_request("among", CheckpointConfig={"S3Uri": "s3://bucket/checkpoints"})
    request["HyperParameters"] = {"python": json.dumps("".join(makes))}
    server.sagemaker.create_training_job(**request)
    job = wait_for_job(server, "among", SECONDS)
    assert job["TrainingJobStatus"] == "Completed", job
    told = {line for line in log_lines(server, "among") if line.startswith("[platform]")}
    assert told == {
        f"[platform] /opt/ml/{folder}/{kind.split()[-1]} is {kind} and is not uploaded."
        for folder in ("model", "output/data", "checkpoints")
        for kind in ("a FIFO", "a socket")
    }


def test_a_server_killed_in_the_midst_is_not_caught_by_it_either(server: LocalServer) -> None:
    """The program ends while no server looks; the next one finds a FIFO in the place of its words."""
    code = PLACE.format(path="output/failure", make=MAKE["a FIFO"])
    request = job_request("restart", HyperParameters={"python": json.dumps(code), "wait": "3", "exit": "1"})
    server.sagemaker.create_training_job(**request)
    wait_until(lambda: (server.root / "jobs/restart/algo-1/opt/ml/output/failure").exists(), SECONDS)
    server.kill()
    time.sleep(3.5)
    server.start()
    job = wait_for_job(server, "restart", SECONDS)
    assert job["TrainingJobStatus"] == "Failed" and "/opt/ml/output/failure is a FIFO" in job["FailureReason"]
