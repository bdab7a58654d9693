"""The AWS CLI, version 1, as its makers publish it, against the local SageMaker and our own train image."""

import json
import time
from pathlib import Path

import pytest

from tests.support.compat_client import Client

pytestmark = pytest.mark.slow
GROUP = "/aws/sagemaker/TrainingJobs"


def test_a_person_syncs_trains_reads_logs_and_fetches_the_model(client: Client, pictures: Path) -> None:
    def aws(*words: str | Path, status: int = 0) -> str:
        return client.run("cli", client.python("cli").with_name("aws"), *words, status=status)

    def channel(name: str, folder: str) -> dict[str, object]:
        where = {"S3DataType": "S3Prefix", "S3Uri": f"s3://kennel-local/cli/{folder}/"}
        return {"ChannelName": name, "DataSource": {"S3DataSource": where}}

    assert aws("s3", "sync", pictures, "s3://kennel-local/cli").count("upload: ") == 36
    assert aws("s3", "sync", pictures, "s3://kennel-local/cli") == "", "nothing has changed"
    job = {
        "TrainingJobName": "cli",
        "RoleArn": "arn:aws:iam::000000000000:role/kennel-execution",
        "AlgorithmSpecification": {"TrainingImage": "kennel-train", "TrainingInputMode": "File"},
        "HyperParameters": {"arch": "shufflenet_v2_x0_5", "picture-size": "32", "epochs": "1", "train-layers": "all"},
        "InputDataConfig": [channel("train", "train"), channel("validation", "valid")],
        "OutputDataConfig": {"S3OutputPath": "s3://kennel-local/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    }
    (client.folder / "job.json").write_text(json.dumps(job))
    aws("sagemaker", "create-training-job", "--cli-input-json", "file://job.json")
    status = ("sagemaker", "describe-training-job", "--training-job-name", "cli", "--query", "TrainingJobStatus")
    deadline = time.monotonic() + 90
    while json.loads(aws(*status)) == "InProgress":
        assert time.monotonic() < deadline
        time.sleep(1)
    aws("sagemaker", "wait", "training-job-completed-or-stopped", "--training-job-name", "cli")
    assert json.loads(aws(*status)) == "Completed"
    listed = json.loads(aws("sagemaker", "list-training-jobs", "--name-contains", "cli"))
    assert [one["TrainingJobName"] for one in listed["TrainingJobSummaries"]] == ["cli"]
    lines = json.loads(aws("logs", "filter-log-events", "--log-group-name", GROUP, "--log-stream-name-prefix", "cli/"))
    assert any(event["message"].startswith("epoch 1 of 1") for event in lines["events"])
    aws("s3", "cp", "s3://kennel-local/out/cli/output/model.tar.gz", "model.tar.gz")
    assert (client.folder / "model.tar.gz").stat().st_size > 100_000
    assert "Requested resource not found" in aws(*status[:3], "gone", status=255)
