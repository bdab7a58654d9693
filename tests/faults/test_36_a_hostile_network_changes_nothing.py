"""Row 36: other interfaces, rebound names, missing and wrong signatures, replayed dates, browser forms: refused, unchanged."""

import contextlib
import datetime
import http.client
import json
import socket
from collections.abc import Iterator

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.support.local_server import LocalServer

ROLE = b"Action=CreateRole&Version=2010-05-08&RoleName=evil&AssumeRolePolicyDocument=%7B%22Statement%22%3A%5B%5D%7D"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A server with one bucket, one object and nothing else."""
    started = LocalServer(tmp_path_factory.mktemp("root"))
    started.s3.create_bucket(Bucket="bucket")
    started.s3.put_object(Bucket="bucket", Key="k", Body=b"kept")
    yield started
    started.stop()


def send(server: LocalServer, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=10)
    with contextlib.closing(connection):
        connection.putrequest(method, path, skip_host="Host" in headers, skip_accept_encoding=True)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        return response.status, response.read()


def signed(server: LocalServer, service: str, method: str, path: str, body: bytes, **headers: str) -> dict[str, str]:
    """The headers of a rightly signed request."""
    request = AWSRequest(method, server.url + path, headers=headers, data=body)
    signer = S3SigV4Auth if service == "s3" else SigV4Auth
    signer(Credentials(*server._keys), service, "us-east-1").add_auth(request)
    return {**request.headers, "Host": server.url.removeprefix("http://")}


def unchanged(server: LocalServer) -> None:
    assert [bucket["Name"] for bucket in server.s3.list_buckets()["Buckets"]] == ["bucket"]
    assert server.s3.get_object(Bucket="bucket", Key="k")["Body"].read() == b"kept"
    assert server.client("iam").list_roles()["Roles"] == []
    assert server.sagemaker.list_training_jobs()["TrainingJobSummaries"] == []


def test_no_other_address_is_listened_on(server: LocalServer) -> None:
    port = int(server.url.rpartition(":")[2])
    others = ["127.0.0.2"]
    with contextlib.suppress(OSError):
        probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        probe.connect(("192.0.2.1", 9))  # sends nothing: it only picks the address of the way out
        others.append(probe.getsockname()[0])
        probe.close()
    for address in others:
        with pytest.raises(OSError), socket.create_connection((address, port), timeout=2):
            pass
    print(f"refused on {others}")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "", "localhost.evil.example", "169.254.169.254"])
def test_a_rebound_name_is_refused_even_when_signed(server: LocalServer, host: str) -> None:
    headers = signed(server, "iam", "POST", "/", ROLE, **FORM, Host=host) | {"Host": host}
    status, body = send(server, "POST", "/", headers, ROLE)
    assert status == 403 and b"Host" in body
    unchanged(server)


@pytest.mark.parametrize(
    ("method", "path", "headers", "body"),
    [
        ("POST", "/", FORM, ROLE),
        ("POST", "/", {"Content-Type": "text/plain", "X-Amz-Target": "SageMaker.CreateTrainingJob"}, b"{}"),
        ("PUT", "/evil", {}, b""),
        ("PUT", "/bucket/k", {"Content-Type": "text/plain"}, b"evil"),
        ("DELETE", "/bucket/k", {}, b""),
        ("POST", "/bucket", {"Content-Type": "multipart/form-data; boundary=x"}, b"--x--"),
        ("POST", "/endpoints/e/invocations", {}, b"{}"),
        ("GET", "/bucket/k", {}, b""),
        ("OPTIONS", "/bucket/k", {"Origin": "http://evil.example"}, b""),
    ],
)
def test_an_unsigned_request_is_refused(server: LocalServer, method: str, path: str, headers: dict, body: bytes) -> None:
    status, answer = send(server, method, path, {**headers, "Origin": "http://evil.example"}, body)
    assert status == 403 and b"kept" not in answer
    unchanged(server)


def test_a_wrong_key_a_wrong_secret_and_a_changed_request_are_refused(server: LocalServer) -> None:
    right = signed(server, "s3", "PUT", "/bucket/k", b"evil")
    key, secret = server._keys
    other = LocalServerKeys("LOCALOTHER", secret, server.url)
    guess = LocalServerKeys(key, "guess", server.url)
    cases = {
        "another key": ("/bucket/k", signed(other, "s3", "PUT", "/bucket/k", b"evil"), b"evil"),
        "another secret": ("/bucket/k", signed(guess, "s3", "PUT", "/bucket/k", b"evil"), b"evil"),
        "another path": ("/bucket/other", right, b"evil"),
        "another method's signature": ("/bucket/k", signed(server, "s3", "GET", "/bucket/k", b""), b"evil"),
    }
    for name, (path, headers, body) in cases.items():
        assert send(server, "PUT", path, headers, body)[0] == 403, name
    status, answer = send(server, "PUT", "/bucket/k", right, b"swap")
    assert status == 400 and b"XAmzContentSHA256Mismatch" in answer
    unchanged(server)


class LocalServerKeys:
    """Where to send, signed with keys of one's own."""

    def __init__(self, key: str, secret: str, url: str) -> None:
        self._keys, self.url = (key, secret), url


@pytest.mark.parametrize("hours", [-24, -1, 1])
def test_a_replayed_or_future_date_is_refused(server: LocalServer, hours: int) -> None:
    moment = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=hours)
    request = AWSRequest("POST", server.url + "/", headers=FORM, data=ROLE)
    signer = SigV4Auth(Credentials(*server._keys), "iam", "us-east-1")
    request.context["timestamp"] = moment.strftime("%Y%m%dT%H%M%SZ")
    request.headers["X-Amz-Date"] = request.context["timestamp"]
    canonical = signer.canonical_request(request)
    signature = signer.signature(signer.string_to_sign(request, canonical), request)
    names = signer.signed_headers(signer.headers_to_sign(request))
    scope = signer.scope(request)
    request.headers["Authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={names}, Signature={signature}"
    status, answer = send(server, "POST", "/", {**request.headers, "Host": server.url.removeprefix("http://")}, ROLE)
    assert status == 403, answer
    assert b"difference between the request time" in answer, answer
    unchanged(server)


def test_every_service_refuses_in_its_own_words(server: LocalServer) -> None:
    status, body = send(server, "POST", "/", {"X-Amz-Target": "SageMaker.ListModels"}, b"{}")
    assert (status, json.loads(body)["__type"]) == (403, "MissingAuthenticationTokenException")
    status, body = send(server, "GET", "/bucket", {})
    assert status == 403 and b"<Code>AccessDenied</Code>" in body


@pytest.mark.parametrize(
    "junk",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"PUT /bucket/k HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /bucket/k HTTP/0.9\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\x00b\r\n\r\n",
    ],
)
def test_malformed_http_gets_one_4xx_and_the_server_lives(server: LocalServer, junk: bytes) -> None:
    port = int(server.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(junk)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        with contextlib.suppress(OSError):
            while piece := connection.recv(65536):
                answer += piece
    assert not answer or answer.split(b" ")[1].startswith(b"4"), answer[:200]
    unchanged(server)
