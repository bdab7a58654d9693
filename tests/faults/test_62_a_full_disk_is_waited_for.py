"""Row 62: the disk is full for some seconds while endpoints and jobs run, come, change, end and go.

Also local_sagemaker.containers.record_thread, which is what waits.
"""

import contextlib
import resource
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError

from local_sagemaker.errors import AwsError
from local_sagemaker.storage.full_disk import refused_by_disk
from tests.support.local_server import (
    TRAIN_IMAGE,
    LocalServer,
    ask,
    job_request,
    make_config,
    make_endpoint,
    processing_request,
    wait_for_endpoint,
    wait_for_job,
    wait_for_processing,
    wait_until,
)
from tests.support.transform_jobs import make_model, outputs, put_inputs, request_of, requests, wait_for_transform

FULL = 2.5
"""Seconds."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A server of this file's own: its disk is full from time to time."""
    started = LocalServer(tmp_path_factory.mktemp("root"))
    started.s3.create_bucket(Bucket="bucket")
    yield started
    started.kill()


@contextlib.contextmanager
def full_disk(server: LocalServer) -> Iterator[None]:
    """No file of the server's can grow, nor can a new one be written to; those that run already write on."""
    pid = server.process.pid
    children = psutil.Process(pid).children(recursive=True)
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError, psutil.Error):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)
            for child in set(psutil.Process(pid).children(recursive=True)) - set(children):  # they have it from the server
                resource.prlimit(child.pid, resource.RLIMIT_FSIZE, unlimited)


def test_what_counts_as_a_full_disk() -> None:
    cause = ValueError("x")
    cause.__cause__ = OSError(28, "No space left on device")
    assert refused_by_disk(cause) and refused_by_disk(AwsError("ServiceUnavailable", "", 503))
    assert not refused_by_disk(OSError(2, "absent")) and not refused_by_disk(AwsError("X", "", 500)) and not refused_by_disk(None)


def test_an_endpoint_that_serves_goes_on_serving_and_can_be_deleted(server: LocalServer) -> None:
    assert make_endpoint(server, "serving")["EndpointStatus"] == "InService"
    pid, answers = ask(server, "serving", "pid"), 0
    with full_disk(server):
        until = time.monotonic() + FULL
        while time.monotonic() < until:
            assert ask(server, "serving") == "serving"
            answers += 1
            assert server.sagemaker.describe_endpoint(EndpointName="serving")["EndpointStatus"] == "InService"
    assert ask(server, "serving", "pid") == pid, "it is the same container"
    with full_disk(server), pytest.raises(ClientError, match="ServiceUnavailable"):
        server.sagemaker.delete_endpoint(EndpointName="serving")
    server.sagemaker.delete_endpoint(EndpointName="serving")
    with full_disk(server):
        time.sleep(FULL)
    wait_until(lambda: not server.sagemaker.list_endpoints(NameContains="serving")["Endpoints"], 30)
    print(f"{answers} of {answers} requests answered on a full disk, by the same container; deleted afterwards")


def test_a_transform_job_stores_its_answers_when_there_is_room(server: LocalServer, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    waits = f"[[time.sleep(0.05) for _ in iter(lambda: not os.path.exists({str(gate)!r}), False)], body][1]"
    make_model(server, "room", waits)
    put_inputs(server, "room", {"a": b"1", "b": b"2"})
    server.sagemaker.create_transform_job(**request_of("room"))
    wait_until(lambda: requests(server, "room"))
    with full_disk(server):
        gate.touch()
        time.sleep(FULL)
        assert server.sagemaker.describe_transform_job(TransformJobName="room")["TransformJobStatus"] == "InProgress"
    assert wait_for_transform(server, "room")["TransformJobStatus"] == "Completed"
    assert outputs(server, "room") == {"a.out": b"1", "b.out": b"2"}


def test_an_endpoint_comes_up_and_is_updated(server: LocalServer) -> None:
    for name in ("first", "second"):
        make_config(server, name)
    server.sagemaker.create_endpoint(EndpointName="coming", EndpointConfigName="first")
    with full_disk(server):
        time.sleep(FULL)
    assert wait_for_endpoint(server, "coming")["EndpointStatus"] == "InService" and ask(server, "coming") == "first"
    server.sagemaker.update_endpoint(EndpointName="coming", EndpointConfigName="second")
    refused = 0
    with full_disk(server):
        until = time.monotonic() + FULL
        while time.monotonic() < until:
            refused += ask(server, "coming") not in ("first", "second")
    settled = wait_for_endpoint(server, "coming")
    assert settled["EndpointStatus"] == "InService" and "FailureReason" not in settled
    assert settled["EndpointConfigName"] == "second" and ask(server, "coming") == "second" and not refused
    print("created and updated across a full disk each; no request was lost")


def test_jobs_begin_run_and_end(server: LocalServer) -> None:
    name = iter(f"job-{number}" for number in range(9))
    outcomes: dict[str, str] = {}

    def across(wait: str, delay: float, **change: Any) -> None:
        job = next(name)
        request = job_request(
            job, HyperParameters={"say": "loss=0.5;", "write": '{"model/w": "weights"}', "wait": wait}, **change
        )
        server.sagemaker.create_training_job(**request)
        time.sleep(delay)
        with full_disk(server):
            time.sleep(FULL)
        done = wait_for_job(server, job)
        outcomes[job] = done["TrainingJobStatus"]
        assert server.s3.head_object(Bucket="bucket", Key=f"out/{job}/output/model.tar.gz")["ContentLength"] > 0, done

    across("0.5", 0.0)  # as it begins
    across("6", 1.5, ProfilerConfig={"S3OutputPath": "s3://bucket/profile"})  # as it runs
    across("1.5", 1.0, CheckpointConfig={"S3Uri": "s3://bucket/checkpoints"})  # as it ends
    server.sagemaker.create_processing_job(**processing_request("processing", {"wait": "1.5", "say": "x"}))
    time.sleep(0.5)
    with full_disk(server):
        time.sleep(FULL)
    outcomes["processing"] = wait_for_processing(server, "processing")["ProcessingJobStatus"]
    assert set(outcomes.values()) == {"Completed"}, outcomes
    print(f"{len(outcomes)} jobs that met a full disk as they began, ran and ended: {set(outcomes.values())}")


def test_a_tuning_job_goes_on(server: LocalServer) -> None:
    ranges = {"ContinuousParameterRanges": [{"Name": "lr", "MinValue": "0.01", "MaxValue": "0.5"}]}
    definition = job_request("unused")
    definition = {name: definition[name] for name in ("RoleArn", "OutputDataConfig", "ResourceConfig", "StoppingCondition")}
    server.sagemaker.create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName="tuning",
        HyperParameterTuningJobConfig={
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 5, "MaxParallelTrainingJobs": 2},
            "ParameterRanges": ranges,
        },
        TrainingJobDefinition={
            **definition,
            "StaticHyperParameters": {"epochs": "5"},
            "AlgorithmSpecification": {
                "TrainingImage": TRAIN_IMAGE,
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "loss", "Regex": "loss=([0-9.]+);"}],
            },
        },
    )
    full, over = 0, threading.Event()

    def fill() -> None:
        nonlocal full
        while not over.wait(1.0):
            with full_disk(server):
                full += 1
                time.sleep(1.5)

    filling = threading.Thread(target=fill)
    filling.start()
    describe = server.sagemaker.describe_hyper_parameter_tuning_job
    try:
        wait_until(lambda: describe(HyperParameterTuningJobName="tuning")["HyperParameterTuningJobStatus"] != "InProgress", 90)
    finally:
        over.set()
        filling.join()
    done = describe(HyperParameterTuningJobName="tuning")
    assert done["HyperParameterTuningJobStatus"] == "Completed" and done["TrainingJobStatusCounters"]["Completed"] == 5
    print(f"the disk was full {full} times; all five training jobs completed, and so did the tuning job")


def test_a_stop_of_the_server_does_not_wait_for_room(server: LocalServer) -> None:
    server.sagemaker.create_training_job(**job_request("left", HyperParameters={"wait": "60"}))
    printed = server.root / "jobs" / "left" / "algo-1" / "log"
    wait_until(lambda: printed.exists() and printed.stat().st_size)  # a job that has started nothing is started anew
    with full_disk(server):
        asked = time.monotonic()
        server.process.terminate()
        server.process.wait(60)
        took = time.monotonic() - asked
        assert took < 25
    server.log.close()
    server.start()
    assert wait_for_job(server, "left")["TrainingJobStatus"] == "Failed"
    print(f"SIGTERM on a full disk: ended in {took:.1f} s; the next start knew what had become of the job")
