"""Batch transform of pictures by our own image and of rows by a person's code, on the programs as they lie here."""

import csv
import json
from typing import Any

import pytest

from tests.support import artefact
from tests.support.handler_endpoints import IMAGE
from tests.support.handlers import HANDLERS
from tests.support.local_server import ROLE, wait_until
from tests.support.model_archive import packed

pytestmark = pytest.mark.timeout(300)


def transform(clients: dict[str, Any], name: str, container: dict[str, Any], archive: bytes, **job: Any) -> dict[str, Any]:
    """A job over the objects below in/NAME/; returns what Describe says at its end."""
    sagemaker, store = clients["sagemaker"], clients["s3"]
    store.put_object(Bucket="kennel-local", Key=f"{name}/model.tar.gz", Body=archive)
    container = {**container, "ModelDataUrl": f"s3://kennel-local/{name}/model.tar.gz"}
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://kennel-local/in/{name}/"}}
    sagemaker.create_transform_job(
        TransformJobName=name,
        ModelName=name,
        TransformInput={"DataSource": source, **job.pop("given")},
        TransformOutput={"S3OutputPath": f"s3://kennel-local/out/{name}", **job.pop("wanted", {})},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
        **job,
    )
    waiting = ("InProgress", "Stopping")
    wait_until(lambda: sagemaker.describe_transform_job(TransformJobName=name)["TransformJobStatus"] not in waiting, 120)
    return sagemaker.describe_transform_job(TransformJobName=name)


def outputs(clients: dict[str, Any], name: str) -> dict[str, bytes]:
    found = clients["s3"].list_objects_v2(Bucket="kennel-local", Prefix=f"out/{name}/").get("Contents", [])
    read = clients["s3"].get_object
    return {one["Key"].rpartition("/")[2]: read(Bucket="kennel-local", Key=one["Key"])["Body"].read() for one in found}


def test_our_classifier_says_the_breeds_of_many_pictures(clients: dict[str, Any], dogs: list[bytes]) -> None:
    for number, dog in enumerate(dogs[:6]):
        clients["s3"].put_object(Bucket="kennel-local", Key=f"in/dogs/{number}.jpg", Body=dog)
    clients["s3"].put_object(Bucket="kennel-local", Key="in/dogs/9.jpg", Body=b"no picture")
    job = transform(
        clients,
        "dogs",
        {"Image": "kennel-serve"},
        packed(artefact.small() / "model"),
        given={"ContentType": "image/jpeg"},
        MaxConcurrentTransforms=2,
    )
    found = outputs(clients, "dogs")
    assert sorted(found) == [f"{number}.jpg.out" for number in range(6)]
    assert all(len(json.loads(answer)["predictions"]) == 5 for answer in found.values())
    assert job["TransformJobStatus"] == "Failed"
    assert (
        "1 of 7 objects failed, first s3://kennel-local/in/dogs/9.jpg: Bad HTTP status received from algorithm: 400"
        in (job["FailureReason"])
    )


def test_a_persons_code_answers_rows_which_are_joined_with_their_ids(clients: dict[str, Any]) -> None:
    handler = next(one for one in HANDLERS if one.name == "rows_of_csv")
    environment = {"SAGEMAKER_PROGRAM": handler.entry, "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code", **handler.environment}
    clients["s3"].put_object(Bucket="kennel-local", Key="in/rows/a.csv", Body=b"rex,1,2\nbella,3,4\n")
    job = transform(
        clients,
        "rows",
        {"Image": IMAGE, "Environment": environment},
        handler.archive(),
        given={"ContentType": "text/csv", "SplitType": "Line"},
        wanted={"Accept": "text/csv", "AssembleWith": "Line"},
        DataProcessing={"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"},
    )
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    rows = [*csv.reader(outputs(clients, "rows")["a.csv.out"].decode().splitlines())]
    assert rows == [["rex", "5.500"], ["bella", "11.500"]]
