"""A real server is sent requests that are signed and spoilt: every answer is a 4xx or 501, and its log has no traceback."""

import base64
import contextlib
import hashlib
import socket
from collections.abc import Iterator

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.fuzzing import fuzzed, mutated
from tests.support.local_server import LocalServer
from tests.support.registry_client import RegistryClient


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A server of this file's own: its log is looked at."""
    started = LocalServer(tmp_path_factory.mktemp("root"))
    started.s3.create_bucket(Bucket="bucket")
    started.s3.put_object(Bucket="bucket", Key="k", Body=b"0123456789")
    yield started
    started.stop()
    log = (started.root / "server.log").read_text(errors="replace")
    assert "Traceback" not in log, log[log.index("Traceback") :][:3000]


def statuses(server: LocalServer, data: bytes, seconds: float = 30.0) -> list[int]:
    """Of every answer to what is sent; `seconds`: how long to wait for one, where the server may wait for more."""
    received = b""
    address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
    with contextlib.suppress(ConnectionError, TimeoutError), socket.create_connection(address, timeout=seconds) as link:
        link.sendall(data)
        while piece := link.recv(65536):
            received += piece
    return [int(part[:3]) for part in received.split(b"HTTP/1.1 ")[1:]]


def head(server: LocalServer, service: str, method: str, path: str, **headers: str) -> bytes:
    """A signed head without its last line end; the body is signed as `body`, where it is given, else not."""
    given = {name.replace("_", "-"): value for name, value in headers.items() if name != "body"}
    request = AWSRequest(method, server.url + path, headers=given, data=headers.get("body", ""))
    (S3SigV4Auth if service == "s3" else SigV4Auth)(Credentials(*server._keys), service, "us-east-1").add_auth(request)
    lines = [f"{method} {path} HTTP/1.1", f"Host: {server.url.removeprefix('http://')}"]
    return "\r\n".join(lines + [f"{name}: {value}" for name, value in request.headers.items()]).encode() + b"\r\n"


def password(server: LocalServer) -> str:
    """The registry's, as its clients send it."""
    return base64.b64encode(":".join(RegistryClient(server).login).encode()).decode()


SOON = 0.3
"""Seconds that a client waits which has perhaps not sent all of its request."""
CHUNKS = [b"5\r\nhello\r\n0\r\n\r\n", b"a;x=y\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n"]


@fuzzed(25)
@given(st.sampled_from(["s3", "sagemaker"]), mutated(CHUNKS))
@example("s3", b"zz\r\n")
@example("s3", b"5\r\nhel")
@example("sagemaker", b"5\r\nhello\r\nzz\r\n")
@example("sagemaker", b"0\r\n" + b"X: " + b"y" * 70_000)
def test_a_body_in_chunks_that_are_broken(server: LocalServer, service: str, body: bytes) -> None:
    path, target = ("/bucket/chunked", {"X_Amz_Content_SHA256": "UNSIGNED-PAYLOAD"}) if service == "s3" else ("/", {})
    target |= {} if service == "s3" else {"X_Amz_Target": "SageMaker.ListModels"}
    start = head(server, service, "PUT" if service == "s3" else "POST", path, **target)
    found = statuses(server, start + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + body, SOON)
    assert all(400 <= status < 500 or status == 501 for status in found), found


FRAMES = [
    b"5;chunk-signature=0\r\nhello\r\n0;chunk-signature=0\r\n\r\n",
    b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n",
]


@fuzzed(25)
@given(mutated(FRAMES), st.sampled_from(["5", "6", "0", "-1", "x", "9" * 30]))
@example(b"0\r\n" + b"x: y\r\n" * 200_000, "0")
@example(FRAMES[0], "5")
def test_a_body_with_aws_chunks_that_are_broken(server: LocalServer, body: bytes, length: str) -> None:
    start = head(
        server,
        "s3",
        "PUT",
        "/bucket/aws-chunked",
        X_Amz_Content_SHA256="STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        X_Amz_Decoded_Content_Length=length,
        Content_Encoding="aws-chunked",
    )
    found = statuses(server, start + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)
    assert found and all(status == 200 or 400 <= status < 500 for status in found), found


@fuzzed(30)
@given(st.one_of(st.from_regex(rb"bytes=[0-9]{0,3}-[0-9]{0,3}", fullmatch=True), st.binary(max_size=12)))
@example(b"bytes=0-0,2-3")
@example(b"bytes=" + b"9" * 5000 + b"-")
@example("bytes=٣-٤".encode())
@example(b"bytes=-0")
@example(b"bytes=9-")
@example(b"bytes=10-")
def test_any_range_is_a_part_the_whole_or_416(server: LocalServer, value: bytes) -> None:
    if any(byte < 32 or byte == 127 for byte in value):
        return
    start = head(server, "s3", "GET", "/bucket/k", X_Amz_Content_SHA256="UNSIGNED-PAYLOAD")
    assert statuses(server, start + b"Range: " + value + b"\r\nConnection: close\r\n\r\n")[0] in (200, 206, 416)


SPOILT = ["é", "\x80", "%", "%zz", "%ff", "%00", "%2e%2e", "..", "//", "+", "\ufeff", "x" * 2000, "?uploads", "&a=b", "#"]
TEXTS = st.lists(st.one_of(st.sampled_from(SPOILT), st.text(max_size=6)), max_size=4).map("".join)
NOWHERE = b"sha256:" + b"0" * 64
MANIFESTS = [b'{"schemaVersion": 2, "config": {"digest": "%b", "size": 1}, "layers": []}' % NOWHERE, b"[]", b"[" * 9000]
OCI = "application/vnd.oci.image."


@fuzzed(30)
@given(st.sampled_from(["s3", "registry", "query", "invoke"]), TEXTS)
@example("s3", "\udcff")
@example("registry", "\udcff")
@example("registry", "kennel/blobs/uploads/%ff?digest=%ff")
@example("registry", "kennel/manifests/\udcff")
def test_any_target_is_answered(server: LocalServer, kind: str, text: str) -> None:
    """Not signed for it, but for the registry, which takes a password."""
    path = {"s3": "/bucket/", "registry": "/v2/", "query": "/?", "invoke": "/endpoints/"}[kind] + text
    target = path.encode("utf-8", "surrogateescape").replace(b" ", b"%20").replace(b"\r", b"").replace(b"\n", b"")
    host = server.url.removeprefix("http://").encode()
    more = b""
    if kind == "registry":
        more = f"Authorization: Basic {password(server)}\r\n".encode()
    found = statuses(server, b"GET " + target + b" HTTP/1.1\r\nHost: " + host + b"\r\n" + more + b"Connection: close\r\n\r\n")
    assert all(status == 200 or 400 <= status < 500 or status == 501 for status in found), found


@fuzzed(20)
@given(mutated(MANIFESTS), st.sampled_from([f"{OCI}manifest.v1+json", f"{OCI}index.v1+json", "x"]))
def test_any_manifest_is_refused(server: LocalServer, body: bytes, kind: str) -> None:
    with contextlib.suppress(server.ecr.exceptions.RepositoryAlreadyExistsException):
        server.ecr.create_repository(repositoryName="fuzzed")
    host, login = server.url.removeprefix("http://"), password(server)
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    lines = [
        f"PUT /v2/fuzzed/manifests/{digest} HTTP/1.1",
        f"Host: {host}",
        f"Authorization: Basic {login}",
        f"Content-Type: {kind}",
    ]
    data = "\r\n".join([*lines, f"Content-Length: {len(body)}", "Connection: close"]).encode() + b"\r\n\r\n" + body
    found = statuses(server, data)
    assert found and all(status == 201 or 400 <= status < 500 for status in found), found
