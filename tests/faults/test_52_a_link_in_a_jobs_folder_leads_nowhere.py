"""Row 52: a job, a processing job or a rule's evaluator puts a link where the server reads or writes. Nothing of the host is
read, written or made; the job fails with the path, in seconds."""

import io
import json
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.local_server import (
    PROCESSING_IMAGE,
    LocalServer,
    job_request,
    log_lines,
    processing_request,
    wait_for_job,
    wait_for_processing,
    wait_until,
)

SECRET = "root:secret-of-the-host"
SECONDS = 20.0
"""A job that fails for its folder has failed by then, on a busy machine too."""
TENSORS = {"DebugHookConfig": {"S3OutputPath": "s3://bucket/tensors"}}
PROFILE = {"ProfilerConfig": {"S3OutputPath": "s3://bucket/profile", "ProfilingIntervalInMilliseconds": 100}}
CHECKPOINTS = {"CheckpointConfig": {"S3Uri": "s3://bucket/checkpoints"}}
BOARD = {"TensorBoardOutputConfig": {"S3OutputPath": "s3://bucket/board"}}
SWAP = """
import os, shutil
path = base / {path!r}
while not path.is_symlink():
    try:
        if path.is_dir():
            shutil.rmtree(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        os.symlink({target!r}, path)
    except OSError:  # the server makes the folder anew, or writes to it, meanwhile
        pass
"""


@dataclass
class Host:
    """What a link could lead to: a file and a folder with a file, all with the secret."""

    file: Path
    folder: Path

    def state(self) -> dict[str, str]:
        """Every file, every folder and what they hold."""
        paths = [self.file, *self.folder.rglob("*")]
        return {str(path): path.read_text() if path.is_file() else "a folder" for path in paths}


@pytest.fixture()
def host(tmp_path: Path) -> Host:
    made = Host(tmp_path / "passwd", tmp_path / "home")
    for path in (made.file, made.folder / "file", made.folder / "data" / "file", made.folder / "system" / "file"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(SECRET)
    return made


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    started = LocalServer(tmp_path_factory.mktemp("root"))
    started.s3.create_bucket(Bucket="bucket")
    yield started
    started.stop()


def stored(server: LocalServer) -> str:
    """The bytes of every object, archives unpacked."""
    found = []
    for entry in server.s3.list_objects_v2(Bucket="bucket").get("Contents", []):
        body = server.s3.get_object(Bucket="bucket", Key=entry["Key"])["Body"].read()
        if entry["Key"].endswith(".tar.gz"):
            with tarfile.open(fileobj=io.BytesIO(body)) as tar:
                body = b"".join(tar.extractfile(member).read() for member in tar if member.isfile())
        found.append(body.decode("utf-8", "replace"))
    return "\n".join(found)


PLACES: dict[str, tuple[str, str, dict[str, str], dict[str, Any]]] = {
    # what is said, what is replaced, hyperparameters, further members of the request
    "failure file": ("output/failure", "file", {"exit": "1"}, {}),
    "output data": ("output/data", "folder", {}, {}),
    "output": ("output", "folder", {}, {}),
    "output of loose files": ("output/data", "folder", {}, {"loose": True}),
    "model": ("model", "folder", {}, {}),
    "checkpoints": ("checkpoints", "folder", {"wait": "30"}, CHECKPOINTS),
    "tensors": ("output/tensors", "folder", {"wait": "30"}, TENSORS),
    "board": ("output/tensorboard", "folder", {"wait": "30"}, BOARD),
    "end of tensors": ("output/tensors/training_job_end.ts", "file", {}, TENSORS),
    "profile": ("output/profiler", "folder", {"wait": "30"}, PROFILE),
    "end of profile": ("output/profiler/system/training_job_end.ts", "file", {}, PROFILE),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_training_job_fails_with_the_path(server: LocalServer, host: Host, place: str) -> None:
    path, kind, hyperparameters, members = PLACES[place]
    target = host.file if kind == "file" else host.folder
    before, name = host.state(), f"train-{place.replace(' ', '-')}"
    request = job_request(name, **{member: value for member, value in members.items() if member != "loose"})
    request["HyperParameters"] = {"python": json.dumps(SWAP.format(path=path, target=str(target))), **hyperparameters}
    if "loose" in members:
        request["OutputDataConfig"]["CompressionType"] = "NONE"
    began = time.monotonic()
    server.sagemaker.create_training_job(**request)
    job = wait_for_job(server, name, SECONDS)
    print(f"{place}: {job['TrainingJobStatus']} after {time.monotonic() - began:.1f} s: {job.get('FailureReason')}")
    assert job["TrainingJobStatus"] == "Failed"
    assert f"/opt/ml/{path} is a symbolic link" in job["FailureReason"]
    assert host.state() == before
    assert SECRET not in stored(server) and SECRET not in json.dumps(job, default=str)
    server.sagemaker.delete_training_job(TrainingJobName=name)
    assert host.state() == before and not (server.root / "jobs" / name).exists()


def test_the_metrics_of_the_system_go_where_they_went(server: LocalServer, host: Host) -> None:
    """The folder that the server itself makes and writes to all the time, at each of its parts."""
    for part in ("output/profiler/system", "output/profiler/system/incremental"):
        before, name = host.state(), f"metrics-{part.count('/')}"
        code = SWAP.format(path=part, target=str(host.folder))
        request = job_request(name, HyperParameters={"python": json.dumps(code), "wait": "30"}, **PROFILE)
        began = time.monotonic()
        server.sagemaker.create_training_job(**request)
        wait_until(lambda name=name: "started with train" in log_lines(server, name), SECONDS)
        time.sleep(1)
        assert host.state() == before
        server.sagemaker.stop_training_job(TrainingJobName=name)
        job = wait_for_job(server, name, SECONDS)
        print(f"{part}: {job['TrainingJobStatus']} after {time.monotonic() - began:.1f} s, {job.get('FailureReason')}")
        assert host.state() == before and SECRET not in stored(server)


def test_a_processing_job_fails_with_the_path(server: LocalServer, host: Host, tmp_path: Path) -> None:
    outputs = [
        {"OutputName": "out", "S3Output": {"S3Uri": "s3://bucket/processed", "LocalPath": "/opt/ml/processing/output/out"}}
    ]
    for mode, path, target, wait in (
        ("EndOfJob", "output/message", host.file, "0"),
        ("EndOfJob", "processing/output/out", host.folder, "0"),
        ("Continuous", "processing/output/out", host.folder, "30"),
        ("Continuous", "processing/output", host.folder, "30"),
    ):
        before, name = host.state(), f"processing-{mode.lower()}-{path.count('/')}-{target.name}"
        outputs[0]["S3Output"]["S3UploadMode"] = mode
        (tmp_path / "code.py").write_text(SWAP.format(path=path, target=str(target)))  # longer than a variable may be
        given = {"python": json.dumps(f"exec(open({str(tmp_path / 'code.py')!r}).read())"), "wait": wait}
        request = processing_request(name, given, ProcessingOutputConfig={"Outputs": outputs})
        began = time.monotonic()
        server.sagemaker.create_processing_job(**request)
        job = wait_for_processing(server, name, SECONDS)
        print(f"{path}, {mode}: {time.monotonic() - began:.1f} s: {job.get('FailureReason')}")
        assert job["ProcessingJobStatus"] == "Failed" and f"/opt/ml/{path} is a symbolic link" in job["FailureReason"]
        assert host.state() == before and SECRET not in stored(server) and SECRET not in json.dumps(job, default=str)


RENAME_THE_PARENT = """
import os
(base / "processing" / "input").rename(base / "processing" / "moved")
os.symlink({target!r}, base / "processing" / "input")
"""


def test_a_rules_input_cannot_be_led_to_the_host(server: LocalServer, host: Host) -> None:
    """The mount itself is read-only, its parent is the evaluator's to rename."""
    (host.folder / "tensors").mkdir()
    before = host.state()
    rule = {
        "RuleConfigurationName": "hostile",
        "RuleEvaluatorImage": PROCESSING_IMAGE,
        "RuleParameters": {"python": json.dumps(RENAME_THE_PARENT.format(target=str(host.folder))), "wait": "30"},
    }
    write = {f"output/tensors/events/{number:03}": "a tensor" for number in range(20)}
    request = job_request("ruled", HyperParameters={"wait": "8", "write": json.dumps(write)}, **TENSORS)
    server.sagemaker.create_training_job(**request, DebugRuleConfigurations=[rule])
    assert wait_for_job(server, "ruled", 40)["TrainingJobStatus"] == "Completed"

    def status() -> dict[str, Any] | None:
        found = server.sagemaker.describe_training_job(TrainingJobName="ruled")["DebugRuleEvaluationStatuses"][0]
        return found if found["RuleEvaluationStatus"] not in ("InProgress", "Stopping") else None

    ended = wait_until(status, 40)
    print(ended)
    assert ended["RuleEvaluationStatus"] == "Error"
    assert "/opt/ml/processing/input is a symbolic link" in ended["StatusDetails"]
    assert host.state() == before


def test_links_inside_a_folder_are_told_and_never_followed(server: LocalServer, host: Host) -> None:
    """A link among checkpoints stays behind, one among output/data goes up as a link: the job is not lost for it."""
    code = "\n".join(
        f"(base / {path!r}).symlink_to({str(target)!r})"
        for path, target in (("checkpoints/best", host.file), ("checkpoints/all", host.folder), ("output/data/log", host.folder))
    )
    request = job_request(
        "inner", HyperParameters={"python": json.dumps(code), "write": json.dumps({"output/data/real": "x"})}, **CHECKPOINTS
    )
    server.sagemaker.create_training_job(**request)
    job = wait_for_job(server, "inner", SECONDS)
    assert job["TrainingJobStatus"] == "Completed", job
    told = [line for line in log_lines(server, "inner") if line.startswith("[platform]")]
    assert sorted(told) == [
        f"[platform] /opt/ml/checkpoints/{name} is a symbolic link and is not uploaded." for name in ("all", "best")
    ]
    body = server.s3.get_object(Bucket="bucket", Key="out/inner/output/output.tar.gz")["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        assert {member.name: member.issym() for member in tar} == {"log": True, "real": False}
    assert SECRET not in stored(server)
