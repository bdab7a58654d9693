"""A job is found wherever it lies: under /opt/ml, in a folder, in S3 as SageMaker leaves it, or where its description says."""

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from rules.errors import SourceError
from rules.reading.job_files import find
from rules.report.job_report import gather
from rules.report.predictions import thumbnails
from tests.support import rule_jobs
from tests.support.local_server import LocalServer


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rule_jobs.whole(tmp_path_factory.mktemp("jobs") / "a-job")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    made = LocalServer(tmp_path_factory.mktemp("s3") / "root")
    made.s3.create_bucket(Bucket="bucket")
    yield made
    made.stop()


def tar(folder: Path) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for path in sorted(folder.iterdir()):
            archive.add(path, path.name)
    return stream.getvalue()


def upload(server: LocalServer, folder: Path, prefix: str) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            server.s3.put_object(Bucket="bucket", Key=f"{prefix}/{path.relative_to(folder)}", Body=path.read_bytes())


def same(one: dict, other: dict) -> None:
    """The same job, found in two ways, makes the same report."""
    for part in ("learning", "time", "machine", "predictions", "findings"):
        assert one[part] == other[part], part


def test_in_s3_as_sagemaker_leaves_it(whole: Path, server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The archives, the hook's and the profiler's folders, each at its own S3OutputPath; pictures in their channels."""
    for name, value in zip(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), server._keys, strict=True):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    put = boto3.client("s3").put_object
    put(Bucket="bucket", Key="jobs/a-job/output/output.tar.gz", Body=tar(whole / "output" / "data"))
    put(Bucket="bucket", Key="jobs/a-job/output/model.tar.gz", Body=tar(whole / "model"))
    upload(server, whole / "output" / "tensors", "hooks/a-job/debug-output")
    upload(server, whole / "output" / "profiler", "profiles/a-job/profiler-output")
    upload(server, whole / "input" / "data" / "test", "pictures/test")
    job = {
        "TrainingJobName": "a-job",
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/jobs/"},
        "DebugHookConfig": {"S3OutputPath": "s3://bucket/hooks"},
        "ProfilerConfig": {"S3OutputPath": "s3://bucket/profiles/"},
        "InputDataConfig": [
            {"ChannelName": "test", "DataSource": {"S3DataSource": {"S3Uri": "s3://bucket/pictures/test/"}}},
            {"ChannelName": "fsx", "DataSource": {"FileSystemDataSource": {}}},
        ],
    }
    file = whole / "described.json"
    file.write_text(json.dumps(job))
    files = find(str(file))
    same(gather(files), gather(find(str(whole))))
    assert thumbnails(files, ["test/001.Akita/a.png"])["test/001.Akita/a.png"].startswith("data:image/jpeg")
    put(Bucket="bucket", Key="later/a-job/rule-output/Overfit/Overfit.json", Body=b"{}")
    assert len(find(str(file), results="s3://bucket/later/").rule_outputs) == len(files.rule_outputs) + 1
    plain = gather(find("s3://bucket/jobs/a-job"))
    assert plain["settings"]["hyperparameters"] == {"epochs": "3", "lr": "0.01"} and "absent" in plain["machine"]
    with pytest.raises(SourceError, match="nothing of a job is there"):
        find("s3://bucket/elsewhere")


def test_a_profile_inside_the_outputs(whole: Path, tmp_path: Path) -> None:
    """What a job without a ProfilerConfig leaves: its own samples in output/data, packed or not."""
    data = tmp_path / "loose" / "output" / "data"
    data.mkdir(parents=True)
    for name in ("steps.csv", "history.json"):
        (data / name).write_bytes((whole / "output" / "data" / name).read_bytes())
    (data / "profiler").symlink_to(whole / "output" / "profiler")
    loose = gather(find(str(tmp_path / "loose")))
    assert loose["machine"]["nodes"] and loose["time"]["groups"]
    packed = tmp_path / "packed" / "output"
    packed.mkdir(parents=True)
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", dereference=True) as archive:
        for path in sorted(data.iterdir()):
            archive.add(path, path.name)
    (packed / "output.tar.gz").write_bytes(stream.getvalue())
    same(gather(find(str(tmp_path / "packed"))), loose)


def test_a_folder_that_is_itself_a_part(whole: Path) -> None:
    assert find(str(whole / "output" / "tensors")).tensors and find(str(whole / "output" / "profiler")).profile
    assert find(str(whole / "output" / "data")).output_files and find(str(whole / "model")).manifest
    assert not find(str(whole / "model")).tensors


def test_a_broken_archive_is_told_and_the_rest_is_read(tmp_path: Path) -> None:
    rule_jobs.tensors(tmp_path / "debug-output")
    (tmp_path / "output.tar.gz").write_bytes(b"no archive")
    (tmp_path / "model.tar.gz").write_bytes(tar(tmp_path / "debug-output")[:50])
    job = find(str(tmp_path))
    assert job.tensors and len(job.warnings) == 2 and all("not a whole tar.gz" in line for line in job.warnings)


def test_pictures_from_elsewhere(whole: Path, tmp_path: Path) -> None:
    rule_jobs.learnt(tmp_path)
    job = find(str(tmp_path), str(whole / "input" / "data"))
    assert thumbnails(job, ["test/001.Akita/a.png"])["test/001.Akita/a.png"].startswith("data:image/jpeg")
