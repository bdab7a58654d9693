"""A multi-model endpoint as a notebook makes one: two of our classifiers and a person's script, each asked by its TargetModel."""

import io
import json
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.support import artefact
from tests.support.own_model import ECHO
from tests.support.person import Kennel
from tests.support.train_jobs import wait_until

pytestmark = pytest.mark.timeout(300)
NAME = "many"
INFERENCE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.6.0-cpu-py312"


@pytest.fixture()
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    person = Kennel(tmp_path_factory.mktemp("work"))
    person.run("up")
    about = json.loads((person.folder / ".kennel" / "local" / "server.json").read_text())
    keys = {"aws_access_key_id": about["access_key"], "aws_secret_access_key": about["secret_key"], "region_name": "us-east-1"}
    yield {name: boto3.client(name, endpoint_url=about["url"], **keys) for name in ("s3", "sagemaker", "sagemaker-runtime")}
    person.run("stop")


def packed(folder: Path) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        tar.add(folder, ".")
    return archive.getvalue()


@pytest.mark.parametrize("image", ["kennel-serve", INFERENCE])
def test_each_target_model_answers_as_itself(clients: dict[str, Any], image: str, dogs: list[bytes], tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "inference.py").write_text(ECHO)
    folders = {"small": artefact.small() / "model", "quantised": artefact.quantised() / "model", "echo": tmp_path}
    for name, folder in folders.items():
        clients["s3"].put_object(Bucket="kennel-local", Key=f"many/{name}.tar.gz", Body=packed(folder))
    sagemaker, runtime = clients["sagemaker"], clients["sagemaker-runtime"]
    container = {"Image": image, "Mode": "MultiModel", "ModelDataUrl": "s3://kennel-local/many/"}
    sagemaker.create_model(ModelName=NAME, ExecutionRoleArn="arn:aws:iam::000000000000:role/demo", PrimaryContainer=container)
    variant = {"VariantName": "v", "ModelName": NAME, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName=NAME, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName=NAME)
    wait_until(lambda: sagemaker.describe_endpoint(EndpointName=NAME)["EndpointStatus"] == "InService", 60)

    def ask(name: str, body: bytes, kind: str) -> dict[str, Any]:
        answer = runtime.invoke_endpoint(EndpointName=NAME, TargetModel=f"{name}.tar.gz", Body=body, ContentType=kind)
        return json.loads(answer["Body"].read())

    for name in ("small", "quantised"):
        start = time.monotonic()
        assert len(ask(name, dogs[0], "image/jpeg")["predictions"]) == 5
        print(f"{name}: first answer in {time.monotonic() - start:.1f} s")
    assert ask("echo", b"four", "text/plain")["bytes"] == 4
    with pytest.raises(runtime.exceptions.ModelError) as refused:
        ask("small", b"no picture", "image/jpeg")
    assert refused.value.response["OriginalStatusCode"] == 400
