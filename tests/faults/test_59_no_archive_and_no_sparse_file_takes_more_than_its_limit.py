"""Row 59: a model archive with a header of 1.5 GB, sparse files of 1 TB. Refused by name in little memory; and whatever is being
uploaded, StopTrainingJob acts within 2 s."""

import contextlib
import gzip
import io
import json
import tarfile
import time
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from local_sagemaker.storage.store import Store
from tests.support.local_server import (
    ROLE,
    SERVE_IMAGE,
    LocalServer,
    job_request,
    processing_request,
    wait_for_endpoint,
    wait_for_job,
    wait_for_processing,
    wait_until,
)

CLAIMED = 1536 << 20
"""Bytes of the header."""
MEMORY = 300 << 20
"""What the server may take for it, of which it has about 95 MB anyway."""
SECONDS = 2.0
"""After which a stop has acted."""
LARGE = 60 << 30
"""A sparse file below the limit, which takes minutes to read."""
SPARSE = "open(base / {path!r}, 'wb').truncate({size})"
CHECKPOINTS = {"CheckpointConfig": {"S3Uri": "s3://bucket/checkpoints"}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    started = LocalServer(tmp_path_factory.mktemp("root"))
    started.s3.create_bucket(Bucket="bucket")
    yield started
    started.stop()


def with_header(kind: bytes) -> bytes:
    """A tar.gz whose first header is as long as it claims."""
    entry = tarfile.TarInfo("header")
    entry.type, entry.size = kind, CLAIMED
    body = io.BytesIO()
    with gzip.GzipFile(fileobj=body, mode="wb", compresslevel=1) as zipped:
        zipped.write(entry.tobuf())
        for _ in range(CLAIMED >> 20):
            zipped.write(b"n" * (1 << 20))
        zipped.write(tarfile.TarInfo("weights.txt").tobuf() + b"\0" * 1024)
    return body.getvalue()


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE])
def test_a_header_of_gigabytes_fails_the_endpoint_in_little_memory(server: LocalServer, kind: bytes) -> None:
    name = f"header-{kind.decode().lower()}"
    server.s3.put_object(Bucket="bucket", Key=name, Body=with_header(kind))
    container = {"Image": SERVE_IMAGE, "ModelDataUrl": f"s3://bucket/{name}"}
    server.sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
    variant = {"VariantName": "a", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    server.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    server.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    process, peak = psutil.Process(server.process.pid), 0

    def failed() -> bool:
        nonlocal peak
        peak = max(peak, process.memory_info().rss)
        return server.sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] != "Creating"

    wait_until(failed, 60)
    endpoint = wait_for_endpoint(server, name)
    print(f"{peak >> 20} MiB at most: {endpoint['FailureReason']}")
    assert endpoint["EndpointStatus"] == "Failed"
    assert "the headers of a member are longer than 1,048,576 bytes" in endpoint["FailureReason"]
    assert peak < MEMORY
    server.sagemaker.delete_endpoint(EndpointName=name)


@pytest.mark.parametrize("path", ["model/weights", "output/data/weights", "checkpoints/weights"])
def test_a_sparse_file_of_a_terabyte_fails_the_job_by_its_name(server: LocalServer, path: str) -> None:
    name = f"terabyte-{path.partition('/')[0]}"
    code = json.dumps(SPARSE.format(path=path, size=(1 << 40)))
    began = time.monotonic()
    server.sagemaker.create_training_job(**job_request(name, HyperParameters={"python": code}, **CHECKPOINTS))
    job = wait_for_job(server, name, 30)
    print(f"{time.monotonic() - began:.1f} s: {job['FailureReason']}")
    assert job["TrainingJobStatus"] == "Failed"
    assert f"/opt/ml/{path} is 1,099,511,627,776 bytes, of which 0 are on the disk" in job["FailureReason"]


def test_a_terabyte_that_a_processing_job_leaves_fails_it_too(server: LocalServer) -> None:
    output = {"S3Uri": "s3://bucket/processed", "LocalPath": "/opt/ml/processing/output", "S3UploadMode": "EndOfJob"}
    code = json.dumps(SPARSE.format(path="processing/output/table", size=(1 << 40)))
    outputs = {"Outputs": [{"OutputName": "out", "S3Output": output}]}
    server.sagemaker.create_processing_job(**processing_request("terabyte", {"python": code}, ProcessingOutputConfig=outputs))
    job = wait_for_processing(server, "terabyte")
    assert job["ProcessingJobStatus"] == "Failed" and "/opt/ml/processing/output/table is 1,099" in job["FailureReason"]


UPLOADS: dict[str, tuple[str, dict[str, str], dict[str, Any]]] = {
    # what is large, further hyperparameters, further members of the request
    "the model": ("model/weights", {}, {}),
    "loose files": ("model/weights", {}, {"loose": True}),
    "output data": ("output/data/weights", {}, {}),
    "checkpoints at the end": ("checkpoints/weights", {}, CHECKPOINTS),
}


@pytest.mark.parametrize("what", UPLOADS)
def test_a_stop_ends_an_upload(server: LocalServer, what: str) -> None:
    path, hyperparameters, members = UPLOADS[what]
    name = f"stop-{what.replace(' ', '-')}"
    request = job_request(name, **{member: value for member, value in members.items() if member != "loose"})
    request["HyperParameters"] = {"python": json.dumps(SPARSE.format(path=path, size=LARGE)), **hyperparameters}
    if "loose" in members:
        request["OutputDataConfig"]["CompressionType"] = "NONE"
    server.sagemaker.create_training_job(**request)
    exit_file = server.root / "jobs" / name / "algo-1" / "exit"
    wait_until(exit_file.exists, 20)
    time.sleep(2)
    job = server.sagemaker.describe_training_job(TrainingJobName=name)
    assert job["TrainingJobStatus"] == "InProgress", job
    began = time.monotonic()
    server.sagemaker.stop_training_job(TrainingJobName=name)
    job = wait_for_job(server, name, 30)
    took = time.monotonic() - began
    print(f"{what}: {job['TrainingJobStatus']} {took:.2f} s after the stop")
    assert job["TrainingJobStatus"] == "Stopped" and took < SECONDS
    wait_until(lambda: not (server.root / "jobs" / name).exists())
    keys = [entry["Key"] for entry in server.s3.list_objects_v2(Bucket="bucket").get("Contents", [])]
    with contextlib.closing(Store(server.root)) as store:
        assert not [key for key in store.list("container-key") if key["holder"].endswith(f"/{name}")], "its key ended, too"
    archive = f"{name}/output/{path.partition('/')[0]}.tar.gz"
    assert not [key for key in keys if key.endswith(("/weights", archive))]


def test_a_stop_reaches_the_program_while_a_checkpoint_goes_up(server: LocalServer) -> None:
    code = json.dumps(SPARSE.format(path="checkpoints/weights", size=LARGE))
    request = job_request("running", HyperParameters={"python": code, "wait": "60"}, **CHECKPOINTS)
    server.sagemaker.create_training_job(**request)
    wait_until(lambda: (server.root / "jobs/running/algo-1/opt/ml/checkpoints/weights").exists(), 20)
    time.sleep(4)  # two looks at a file that does not change, and it goes up
    began = time.monotonic()
    server.sagemaker.stop_training_job(TrainingJobName="running")
    stopped = server.root / "jobs/running/algo-1/opt/ml/model/stopped.txt"
    wait_until(stopped.exists, 20)
    took = time.monotonic() - began
    print(f"SIGTERM {took:.2f} s after the stop")
    assert took < SECONDS
    server.sagemaker.stop_training_job(TrainingJobName="running")  # nor is its end waited for
    time.sleep(0.5)
    server.sagemaker.stop_training_job(TrainingJobName="running")
    assert wait_for_job(server, "running", 20)["TrainingJobStatus"] == "Stopped"


def test_a_hole_stays_a_hole_in_storage(server: LocalServer) -> None:
    code = json.dumps(SPARSE.format(path="checkpoints/weights", size=256 << 20))
    began = time.monotonic()
    server.sagemaker.create_training_job(**job_request("hole", HyperParameters={"python": code}, **CHECKPOINTS))
    assert wait_for_job(server, "hole", 60)["TrainingJobStatus"] == "Completed"
    size = server.s3.head_object(Bucket="bucket", Key="checkpoints/weights")["ContentLength"]
    blobs = [path.stat() for path in server.files("objects/blobs/**/*") if path.is_file()]
    there = sum(blob.st_blocks * 512 for blob in blobs if blob.st_size == size)
    print(f"256 MiB of nothing: {there} bytes on the disk, {time.monotonic() - began:.1f} s")
    assert size == 256 << 20 and there < 1 << 20
