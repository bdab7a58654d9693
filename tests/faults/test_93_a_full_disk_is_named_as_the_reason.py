"""Row 93. A program fills the disk: the job ends, with the program's own exit code and a reason that names the disk."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_sagemaker.containers.disk_space import FEW_BYTES, full_disk
from tests.support.local_server import LocalServer, job_request, processing_request, wait_for_job, wait_for_processing

FILL = """
import os
try:
    with open(base / {place!r} / "filler", "wb", 0) as file:
        while True:
            file.write(bytes(1 << 12))
except OSError as error:
    full = error
{then}
"""
ERROR = ("1", "120")
"""Python's exit code, and the one where it could not write all of the traceback."""
WAYS = {
    "its error ends it": ("raise full", ERROR),
    "it says a code of its own": ("os._exit(28)", ("28",)),
    "it writes nothing more": ("os.close(1); os.close(2); os._exit(3)", ("3",)),
}


@pytest.fixture()
def small(tmp_path: Path) -> Iterator[LocalServer]:
    """A server whose root is a disk of 24 MB."""
    root = tmp_path / "root"
    root.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m,mode=700", "tmpfs", str(root)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip(f"no small disk can be made here: {done.stderr.decode().strip()}")
    try:
        started = LocalServer(root)
        started.s3.create_bucket(Bucket="bucket")
        try:
            yield started
        finally:
            started.kill()
            started.log.close()
    finally:
        subprocess.run(["umount", "--lazy", str(root)], check=True)


@pytest.mark.parametrize("way", WAYS)
def test_a_training_job_that_fills_the_disk_says_so(small: LocalServer, way: str) -> None:
    then, code = WAYS[way]
    small.sagemaker.create_training_job(
        **job_request("full", HyperParameters={"python": json.dumps(FILL.format(place="model", then=then))})
    )
    job = wait_for_job(small, "full", 40)
    print(f"{way}: {job['FailureReason']}")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].rpartition("exit code: ")[2] in code and "disk" in job["FailureReason"]


def test_a_processing_job_too(small: LocalServer) -> None:
    place = {"S3Uri": "s3://bucket/out", "LocalPath": "/opt/ml/processing/output/made", "S3UploadMode": "EndOfJob"}
    code = FILL.format(place="processing/output/made", then="raise full")
    (small.root / "code").write_text(code)
    given = {"python": json.dumps(f"exec(open({str(small.root / 'code')!r}).read())")}
    outputs = {"Outputs": [{"OutputName": "made", "S3Output": place}]}
    small.sagemaker.create_processing_job(**processing_request("full", given, ProcessingOutputConfig=outputs))
    job = wait_for_processing(small, "full", 40)
    print(job["FailureReason"])
    assert job["ProcessingJobStatus"] == "Failed"
    assert f"The disk of {small.root}" in job["FailureReason"] and job["FailureReason"].rpartition("exit code: ")[2] in ERROR


def test_what_counts_as_full(small: LocalServer) -> None:
    with open(small.root / "filler", "wb", 0) as file:
        free = os.statvfs(small.root).f_bavail * os.statvfs(small.root).f_frsize
        os.posix_fallocate(file.fileno(), 0, free - FEW_BYTES)
        assert not full_disk(small.root)
        os.posix_fallocate(file.fileno(), 0, free - FEW_BYTES + 1)
        assert "is full (1,044,480 bytes free)" in full_disk(small.root)
    assert not full_disk(small.root / "absent")
