"""Models, endpoint configurations and endpoints through boto3, with real serving processes.

Of local_sagemaker.endpoints.endpoints, local_sagemaker.endpoints.running_endpoints, local_sagemaker.endpoints.endpoint_run,
local_sagemaker.endpoints.fleet and local_sagemaker.endpoints.instance."""

import io
import json
import os
import signal
import statistics
import tarfile
import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError

from tests.support.local_server import (
    ROLE,
    SERVE_IMAGE,
    LocalServer,
    ask,
    make_config,
    make_endpoint,
    put_model,
    wait_for_endpoint,
    wait_until,
)


def delete(server: LocalServer, name: str) -> None:
    server.sagemaker.delete_endpoint(EndpointName=name)
    wait_until(lambda: not exists(server, name), 20)


def exists(server: LocalServer, name: str) -> bool:
    try:
        server.sagemaker.describe_endpoint(EndpointName=name)
    except ClientError as error:
        assert "Could not find endpoint" in str(error)
        return False
    return True


def test_an_endpoint_serves_its_model_and_is_gone_when_deleted(server: LocalServer) -> None:
    described = make_endpoint(server, "alpha", GREETING="hello")
    assert described["EndpointStatus"] == "InService", described
    variant = described["ProductionVariants"][0]
    assert (variant["CurrentInstanceCount"], variant["CurrentWeight"]) == (1, 1.0)
    assert ask(server, "alpha") == "alpha"
    environment = json.loads(ask(server, "alpha", "environment"))
    assert environment["GREETING"] == "hello"
    assert environment["AWS_ENDPOINT_URL"] == server.url and environment["AWS_ACCESS_KEY_ID"] != server._keys[0]
    base = environment["SAGEMAKER_BASE_DIR"]
    assert os.stat(f"{base}/model").st_mode & 0o222 == os.stat(f"{base}/model/weights.txt").st_mode & 0o222 == 0
    pid = int(ask(server, "alpha", "pid"))
    group = "/aws/sagemaker/Endpoints/alpha"
    stream = server.logs.describe_log_streams(logGroupName=group)["logStreams"][0]["logStreamName"]
    assert stream.startswith("AllTraffic/i-")
    messages = [event["message"] for event in server.logs.filter_log_events(logGroupName=group)["events"]]
    assert messages[0] == "container up with serve in mode ok"
    delete(server, "alpha")
    assert not psutil.pid_exists(pid)
    assert not (server.root / "endpoints" / "alpha").exists()
    with pytest.raises(ClientError, match="Endpoint alpha of account 000000000000 not found") as raised:
        ask(server, "alpha")
    assert raised.value.response["Error"]["Code"] == "ValidationError"


def test_an_endpoint_that_cannot_serve_fails_and_says_why(server: LocalServer) -> None:
    described = make_endpoint(server, "bad", MODE="exit")
    assert described["EndpointStatus"] == "Failed"
    reason = described["FailureReason"]
    assert "The primary container for production variant AllTraffic did not pass the ping health check." in reason
    assert "The container exited with code 1. Last log lines: container up with serve in mode exit" in reason
    assert "RuntimeError: no weights here" in reason
    delete(server, "bad")


def test_a_model_archive_that_would_leave_its_folder_fails_the_endpoint(server: LocalServer) -> None:
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:gz") as tar:
        member = tarfile.TarInfo("../../escaped.txt")
        member.size = 1
        tar.addfile(member, io.BytesIO(b"x"))
    server.s3.put_object(Bucket="bucket", Key="evil.tar.gz", Body=body.getvalue())
    container = {"Image": SERVE_IMAGE, "ModelDataUrl": "s3://bucket/evil.tar.gz"}
    server.sagemaker.create_model(ModelName="evil", PrimaryContainer=container, ExecutionRoleArn=ROLE)
    variant = {"VariantName": "v", "ModelName": "evil", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    server.sagemaker.create_endpoint_config(EndpointConfigName="evil", ProductionVariants=[variant])
    server.sagemaker.create_endpoint(EndpointName="evil", EndpointConfigName="evil")
    described = wait_for_endpoint(server, "evil")
    assert described["EndpointStatus"] == "Failed"
    assert "'../../escaped.txt' of the model archive would be written outside" in described["FailureReason"]
    assert not server.files("**/escaped.txt")


def test_variants_get_their_weights_and_can_be_asked_by_name(server: LocalServer) -> None:
    for name in ("heavy", "light"):
        container = {"Image": SERVE_IMAGE, "ModelDataUrl": put_model(server, name)}
        server.sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
    variants = [
        {
            "VariantName": name,
            "ModelName": name,
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": count,
            "InitialVariantWeight": weight,
        }
        for name, count, weight in (("heavy", 2, 3.0), ("light", 1, 1.0))
    ]
    server.sagemaker.create_endpoint_config(EndpointConfigName="two", ProductionVariants=variants)
    server.sagemaker.create_endpoint(EndpointName="two", EndpointConfigName="two")
    assert wait_for_endpoint(server, "two")["EndpointStatus"] == "InService"
    answers = [ask(server, "two") for _ in range(40)]
    assert (answers.count("heavy"), answers.count("light")) == (30, 10)
    assert [ask(server, "two", TargetVariant="light") for _ in range(5)] == ["light"] * 5
    answer = server.runtime.invoke_endpoint(EndpointName="two", Body=b"who", TargetVariant="heavy")
    assert answer["InvokedProductionVariant"] == "heavy"
    assert len({ask(server, "two", "pid", TargetVariant="heavy") for _ in range(10)}) >= 1
    with pytest.raises(ClientError, match="Variant nobody of endpoint two not found"):
        ask(server, "two", TargetVariant="nobody")
    desired = [
        {"VariantName": "heavy", "DesiredWeight": 0.0, "DesiredInstanceCount": 1},
        {"VariantName": "light", "DesiredInstanceCount": 2},
    ]
    server.sagemaker.update_endpoint_weights_and_capacities(EndpointName="two", DesiredWeightsAndCapacities=desired)
    described = wait_for_endpoint(server, "two")
    counts = {one["VariantName"]: (one["CurrentWeight"], one["CurrentInstanceCount"]) for one in described["ProductionVariants"]}
    assert counts == {"heavy": (0.0, 1), "light": (1.0, 2)}
    assert {ask(server, "two") for _ in range(10)} == {"light"}
    delete(server, "two")


def test_only_the_apis_headers_reach_the_container_and_the_client(server: LocalServer) -> None:
    make_endpoint(server, "headers")
    answer = server.runtime.invoke_endpoint(
        EndpointName="headers",
        Body=b"headers",
        ContentType="image/jpeg",
        Accept="application/json",
        CustomAttributes="trace=1",
        InferenceId="id-1",
    )
    seen = json.loads(answer["Body"].read())
    assert set(seen) == {
        "host",
        "content-type",
        "accept",
        "content-length",
        "x-amzn-sagemaker-custom-attributes",
        "x-amzn-sagemaker-inference-id",
    }
    assert (seen["content-type"], seen["accept"]) == ("image/jpeg", "application/json")
    assert answer["CustomAttributes"] == "trace=1"
    assert answer["ContentType"] == "text/plain"
    assert "x-secret-of-the-container" not in answer["ResponseMetadata"]["HTTPHeaders"]
    delete(server, "headers")


def test_a_dead_instance_is_replaced_while_the_endpoint_stays_in_service(server: LocalServer) -> None:
    make_endpoint(server, "phoenix", count=2)
    pid = int(ask(server, "phoenix", "pid"))
    os.kill(pid, signal.SIGKILL)

    def answers() -> bool:
        try:
            return ask(server, "phoenix") == "phoenix"
        except ClientError:
            return False

    wait_until(answers)
    folder = server.root / "endpoints" / "phoenix"
    wait_until(lambda: len({ask(server, "phoenix", "pid") for _ in range(10)} - {str(pid)}) >= 1 and answers())
    assert server.sagemaker.describe_endpoint(EndpointName="phoenix")["EndpointStatus"] == "InService"
    assert folder.exists()
    delete(server, "phoenix")


def test_invoking_adds_little(server: LocalServer) -> None:
    make_endpoint(server, "quick")
    ask(server, "quick")

    def seconds(call: Callable[[], object]) -> float:
        started = time.perf_counter()
        call()
        return time.perf_counter() - started

    # In turns, so that whatever else this machine does slows both.
    pairs = [
        (seconds(lambda: ask(server, "quick", "length")), seconds(lambda: server.sagemaker.list_models(MaxResults=1)))
        for _ in range(100)
    ]
    invoked, listed = (statistics.median(times) for times in zip(*pairs, strict=True))
    print(
        f"InvokeEndpoint through boto3: median {invoked * 1000:.2f} ms; ListModels, which asks no container: {listed * 1000:.2f}"
    )
    assert invoked < 5 * listed, "a packet that waits for another's acknowledgement costs 40 ms"
    delete(server, "quick")


def test_names_and_references_are_checked_in_amazons_words(server: LocalServer) -> None:
    make_config(server, "once")
    container = {"Image": SERVE_IMAGE, "ModelDataUrl": "s3://bucket/models/once.tar.gz"}
    with pytest.raises(ClientError, match='Cannot create already existing model "arn:aws:sagemaker'):
        server.sagemaker.create_model(ModelName="once", PrimaryContainer=container, ExecutionRoleArn=ROLE)
    with pytest.raises(ClientError, match=r"Could not find model data at s3://bucket/absent\.tar\.gz"):
        absent = {**container, "ModelDataUrl": "s3://bucket/absent.tar.gz"}
        server.sagemaker.create_model(ModelName="twice", PrimaryContainer=absent, ExecutionRoleArn=ROLE)
    with pytest.raises(ClientError, match="Could not find endpoint configuration"):
        server.sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="absent")
    with pytest.raises(ClientError, match="ServerlessConfig"):
        variant: dict[str, Any] = {
            "VariantName": "v",
            "ModelName": "once",
            "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1},
        }
        server.sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
    with pytest.raises(ClientError, match="RetainAllVariantProperties is not supported"):
        server.sagemaker.update_endpoint(EndpointName="e", EndpointConfigName="once", RetainAllVariantProperties=True)
    assert server.sagemaker.describe_model(ModelName="once")["PrimaryContainer"]["Image"] == SERVE_IMAGE
    assert [one["ModelName"] for one in server.sagemaker.list_models(NameContains="once")["Models"]] == ["once"]
    server.sagemaker.delete_endpoint_config(EndpointConfigName="once")
    server.sagemaker.delete_model(ModelName="once")
    with pytest.raises(ClientError, match="Could not find model"):
        server.sagemaker.describe_model(ModelName="once")
