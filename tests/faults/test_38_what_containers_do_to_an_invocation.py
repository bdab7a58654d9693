"""Row 38: a container that answers 400 or 500, hangs, dies before or amid its answer; bodies over the limit; forged headers.

ModelError 424 with the container's status; the time limit (60 s; here the router's own, made short); ValidationError; no hang.
"""

import asyncio
import http.client
import json
import socket
import time
from collections.abc import Iterator

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from local_sagemaker.endpoints import invocation as router
from local_sagemaker.errors import AwsError
from tests.support.local_server import LocalServer, ask, make_endpoint, wait_until

LIMIT = 6_291_456


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    started = LocalServer(tmp_path_factory.mktemp("root"))
    started.s3.create_bucket(Bucket="bucket")
    make_endpoint(started, "stub")
    yield started
    started.stop()


def refused(server: LocalServer, body: bytes | str) -> tuple[ClientError, float]:
    began = time.monotonic()
    with pytest.raises(ClientError) as raised:
        ask(server, "stub", body)
    return raised.value, time.monotonic() - began


@pytest.mark.parametrize(("code", "side"), [(400, "client"), (415, "client"), (500, "server"), (503, "server"), (302, "server")])
def test_an_error_of_the_container_is_a_model_error(server: LocalServer, code: int, side: str) -> None:
    error, _ = refused(server, f"status {code} the picture is odd: é")
    response = error.response
    assert response["Error"]["Code"] == "ModelError"
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert response["OriginalStatusCode"] == code
    assert response["OriginalMessage"] == "the picture is odd: é"
    assert response["LogStreamArn"] == "arn:aws:logs:us-east-1:000000000000:log-group:/aws/sagemaker/Endpoints/stub"
    assert f'Received {side} error ({code}) from primary with message "the picture is odd: é"' in response["Error"]["Message"]


@pytest.mark.parametrize("command", ["die", "half"])
def test_a_container_that_dies_is_a_model_error_at_once_and_comes_back(server: LocalServer, command: str) -> None:
    error, seconds = refused(server, command)
    print(f"{command}: ModelError after {seconds:.2f} s")
    assert error.response["Error"]["Code"] == "ModelError"
    assert "model process exited" in error.response["OriginalMessage"]
    assert seconds < 2

    def answers() -> bool:
        try:
            return ask(server, "stub") == "stub"
        except ClientError:
            return False

    wait_until(answers, 15)


def test_bodies_over_the_limit_are_refused_both_ways(server: LocalServer) -> None:
    assert ask(server, "stub", b"x" * LIMIT) == str(LIMIT)
    error, _ = refused(server, b"x" * (LIMIT + 1))
    assert error.response["Error"]["Code"] == "ValidationError"
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert f"Member must have length less than or equal to {LIMIT}" in error.response["Error"]["Message"]
    refused(server, b"x" * 7_340_032)
    assert len(ask(server, "stub", f"big {LIMIT}")) == LIMIT
    error, _ = refused(server, f"big {LIMIT + 1}")
    assert error.response["Error"]["Code"] == "ModelError"
    assert "larger than 6291456 bytes" in error.response["OriginalMessage"]


def test_headers_outside_the_api_do_not_reach_the_container(server: LocalServer) -> None:
    about = json.loads((server.root / "server.json").read_text())
    forged = {"X-Forwarded-For": "1.2.3.4", "Cookie": "a=b", "X-Amzn-SageMaker-Evil": "1", "Content-Type": "text/plain"}
    request = AWSRequest("POST", f"{server.url}/endpoints/stub/invocations", headers=forged, data=b"headers")
    SigV4Auth(Credentials(about["access_key"], about["secret_key"]), "sagemaker", "us-east-1").add_auth(request)
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=10)
    connection.request("POST", "/endpoints/stub/invocations", b"headers", dict(request.headers.items()))
    answer = connection.getresponse()
    seen = json.loads(answer.read())
    connection.close()
    assert set(seen) == {"host", "content-type", "content-length"}, seen


def test_a_slow_container_is_given_up_after_the_time_limit() -> None:
    """The router with a limit of 0.5 s before a socket that takes connections and never answers."""
    assert router.TIMEOUT == 60.0
    listener = socket.create_server(("127.0.0.1", 0))
    short = router.Router("us-east-1", "000000000000", timeout=0.5)
    target = router.Target(f"127.0.0.1:{listener.getsockname()[1]}", "v")
    short.set_route("stub", router.Route([(1.0, router.VariantTargets([("v", 1.0, [target])]))], ["v"]))

    async def invoke() -> AwsError:
        with pytest.raises(AwsError) as raised:
            await short.invoke("stub", {}, b"x")
        await short._session.close()
        return raised.value

    began = time.monotonic()
    error = asyncio.run(invoke())
    print(f"given up after {time.monotonic() - began:.2f} s of a limit of 0.5 s")
    listener.close()
    assert (error.code, error.status, error.fields["OriginalStatusCode"]) == ("ModelError", 424, 0)
    assert "timed out while waiting for a response" in error.fields["OriginalMessage"]
    assert target.outstanding == 0
    assert time.monotonic() - began < 5
