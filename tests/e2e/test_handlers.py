"""Ten people's inference code (tests/projects/handlers) behind endpoints, under AWS's image name and by plain boto3."""

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from tests.support.handlers import HANDLERS, Handler
from tests.support.person import Kennel
from tests.support.train_jobs import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:1.13-cpu-py39"


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    person = Kennel(tmp_path_factory.mktemp("work"))
    person.run("up")
    about = json.loads((person.folder / ".kennel" / "local" / "server.json").read_text())
    keys = {"aws_access_key_id": about["access_key"], "aws_secret_access_key": about["secret_key"], "region_name": "us-east-1"}
    yield {name: boto3.client(name, endpoint_url=about["url"], **keys) for name in ("s3", "sagemaker", "sagemaker-runtime")}
    person.run("stop")


@pytest.mark.parametrize("handler", HANDLERS, ids=lambda handler: handler.name)
def test_it_answers_as_its_owner_means(clients: dict[str, Any], handler: Handler) -> None:
    deploy(clients, handler)
    answer = ask(clients, handler, handler.body, handler.content_type)
    assert answer["ContentType"] == handler.accept
    body = answer["Body"].read()
    assert handler.right(body), body[:500]
    clients["sagemaker"].delete_endpoint(EndpointName=_name(handler))


def test_one_fetches_a_picture_by_its_address(clients: dict[str, Any]) -> None:
    """The content of the request is a URL, as notebooks send one."""
    handler = next(one for one in HANDLERS if one.name == "picture_by_url")
    with _picture_server(handler.body) as url:
        deploy(clients, handler)
        answer = ask(clients, handler, json.dumps({"url": url}).encode(), "application/json")
        assert handler.right(answer["Body"].read())
    clients["sagemaker"].delete_endpoint(EndpointName=_name(handler))


def deploy(clients: dict[str, Any], handler: Handler) -> None:
    """Waits until it is in service."""
    name, sagemaker = _name(handler), clients["sagemaker"]
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
    role = "arn:aws:iam::000000000000:role/kennel-execution"
    sagemaker.create_model(ModelName=version, PrimaryContainer=container, ExecutionRoleArn=role)
    variant = {"VariantName": "AllTraffic", "ModelName": version, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName=version, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=version)
    wait_until(lambda: sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] != "Creating", 120, 0.2)
    found = sagemaker.describe_endpoint(EndpointName=name)
    assert found["EndpointStatus"] == "InService", found.get("FailureReason")


def ask(clients: dict[str, Any], handler: Handler, body: bytes, content_type: str) -> dict[str, Any]:
    return clients["sagemaker-runtime"].invoke_endpoint(
        EndpointName=_name(handler),
        Body=body,
        ContentType=content_type,
        Accept=handler.accept,
        CustomAttributes="trace=7",
    )


def _name(handler: Handler) -> str:
    return handler.name.replace("_", "-")


class _picture_server:
    def __init__(self, body: bytes) -> None:
        class Answers(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)

    def __enter__(self) -> str:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}/dog.jpg"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
