"""A multi-model endpoint as a notebook makes one: two of our classifiers and a person's script, each asked by its TargetModel."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support import artefact
from tests.support.local_server import ROLE, wait_until
from tests.support.model_archive import packed
from tests.support.own_model import ECHO

NAME = "many"


def check(clients: Mapping[str, Any], image: str, dog: bytes, folder: Path, instance: str = "ml.m5.large") -> None:
    """Makes the endpoint of an image, asks its three models, and removes it. `folder`: an empty one."""
    (folder / "code").mkdir()
    (folder / "code" / "inference.py").write_text(ECHO)
    folders = {"small": artefact.small() / "model", "quantised": artefact.quantised() / "model", "echo": folder}
    for name, files in folders.items():
        clients["s3"].put_object(Bucket="kennel-local", Key=f"many/{name}.tar.gz", Body=packed(files))
    sagemaker, runtime = clients["sagemaker"], clients["sagemaker-runtime"]
    container = {"Image": image, "Mode": "MultiModel", "ModelDataUrl": "s3://kennel-local/many/"}
    sagemaker.create_model(ModelName=NAME, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    variant = {"VariantName": "v", "ModelName": NAME, "InstanceType": instance, "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName=NAME, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName=NAME)
    wait_until(lambda: sagemaker.describe_endpoint(EndpointName=NAME)["EndpointStatus"] == "InService", 60)

    def ask(name: str, body: bytes, kind: str) -> dict[str, Any]:
        answer = runtime.invoke_endpoint(EndpointName=NAME, TargetModel=f"{name}.tar.gz", Body=body, ContentType=kind)
        return json.loads(answer["Body"].read())

    for name in ("small", "quantised"):
        start = time.monotonic()
        assert len(ask(name, dog, "image/jpeg")["predictions"]) == 5
        print(f"{name}: first answer in {time.monotonic() - start:.1f} s")
    assert ask("echo", b"four", "text/plain")["bytes"] == 4
    with pytest.raises(runtime.exceptions.ModelError) as refused:
        ask("small", b"no picture", "image/jpeg")
    assert refused.value.response["OriginalStatusCode"] == 400
    for kind in ("endpoint", "endpoint_config", "model"):
        getattr(sagemaker, f"delete_{kind}")(**{f"{kind.title().replace('_', '')}Name": NAME})
    wait_until(lambda: not sagemaker.list_endpoints(NameContains=NAME)["Endpoints"], 30)
