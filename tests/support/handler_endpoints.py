"""The handlers of tests/projects/handlers behind endpoints: deployed by plain boto3 under AWS's image name, and asked."""

from collections.abc import Mapping
from typing import Any

from tests.support.handlers import Handler
from tests.support.local_server import ROLE, wait_until

IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:1.13-cpu-py39"


def deploy(clients: Mapping[str, Any], handler: Handler) -> None:
    """Waits until it is in service."""
    name, sagemaker = endpoint_of(handler), clients["sagemaker"]
    clients["s3"].put_object(Bucket="kennel-local", Key=f"{name}/model.tar.gz", Body=handler.archive())
    container = {
        "Image": IMAGE,
        "ModelDataUrl": f"s3://kennel-local/{name}/model.tar.gz",
        "Environment": {
            "SAGEMAKER_PROGRAM": handler.entry,
            "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
            **handler.environment,
        },
    }
    version = f"{name}-{len(sagemaker.list_models(NameContains=name)['Models'])}"
    sagemaker.create_model(ModelName=version, PrimaryContainer=container, ExecutionRoleArn=ROLE)
    variant = {"VariantName": "AllTraffic", "ModelName": version, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName=version, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=version)
    wait_until(lambda: sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] != "Creating", 120)
    found = sagemaker.describe_endpoint(EndpointName=name)
    assert found["EndpointStatus"] == "InService", found.get("FailureReason")


def ask(clients: Mapping[str, Any], handler: Handler, body: bytes, content_type: str) -> dict[str, Any]:
    return clients["sagemaker-runtime"].invoke_endpoint(
        EndpointName=endpoint_of(handler),
        Body=body,
        ContentType=content_type,
        Accept=handler.accept,
        CustomAttributes="trace=7",
    )


def check(clients: Mapping[str, Any], handler: Handler) -> None:
    """Deploys it, asks it its question, and removes it."""
    deploy(clients, handler)
    answer = ask(clients, handler, handler.body, handler.content_type)
    assert answer["ContentType"] == handler.accept
    body = answer["Body"].read()
    assert handler.right(body), body[:500]
    clients["sagemaker"].delete_endpoint(EndpointName=endpoint_of(handler))


def endpoint_of(handler: Handler) -> str:
    return handler.name.replace("_", "-")
