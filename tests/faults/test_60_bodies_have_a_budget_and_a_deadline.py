"""Row 60: large bodies without a key, or with one and never finished; heads and bodies that dribble."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator

import psutil
import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from local_sagemaker.protocol.bodies import GRACE, HELD_BYTES
from local_sagemaker.server import HEAD_SECONDS
from tests.support.local_server import LocalServer

MANY, SIZE = 40, 31 << 20
PATH = "/endpoints/some/invocations"
LATE = 15.0
"""Seconds of patience with the machine of this test, beyond the deadlines."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A server of this file's own: its memory is looked at."""
    started = LocalServer(tmp_path_factory.mktemp("root"))
    started.s3.create_bucket(Bucket="bucket")
    yield started
    started.kill()


def head(server: LocalServer, keys: tuple[str, str], service: str = "sagemaker", path: str = PATH, **headers: str) -> bytes:
    """The head of a request of SIZE bytes, signed with some key."""
    request = AWSRequest("PUT" if service == "s3" else "POST", server.url + path, headers=headers, data=b"")
    (S3SigV4Auth if service == "s3" else SigV4Auth)(Credentials(*keys), service, "us-east-1").add_auth(request)
    lines = [f"{request.method} {path} HTTP/1.1", f"Host: {server.url.removeprefix('http://')}", f"Content-Length: {SIZE}"]
    return "\r\n".join(lines + [f"{name}: {value}" for name, value in request.headers.items()]).encode() + b"\r\n\r\n"


def connect(server: LocalServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=60)


def send_most(connection: socket.socket) -> None:
    """All of the body but its last bytes, as far as the server takes it."""
    piece, connection_timeout = b"x" * (1 << 20), connection.gettimeout()
    connection.settimeout(2)
    with contextlib.suppress(OSError):
        for _ in range(SIZE // len(piece) - 1):
            connection.sendall(piece)
    connection.settimeout(connection_timeout)


def status(connection: socket.socket) -> int:
    """Of the answer; 0 where the connection was closed without one."""
    with contextlib.suppress(ConnectionError):
        answer = connection.recv(65536)
        return int(answer.split(b" ")[1]) if answer else 0
    return 0


def flood(server: LocalServer, keys: tuple[str, str]) -> tuple[int, dict[int, int]]:
    """(bytes by which the server grew at most, how the requests were answered, 0 for not yet) of MANY unfinished bodies."""
    process = psutil.Process(server.process.pid)
    before = most = process.memory_info().rss
    answers: dict[int, int] = {}
    with contextlib.ExitStack() as stack:
        for _ in range(MANY):
            connection = stack.enter_context(connect(server))
            connection.sendall(head(server, keys))
            send_most(connection)
            most = max(most, process.memory_info().rss)
            connection.settimeout(0.05)
            try:
                code = status(connection)
            except TimeoutError:
                code = -1
            answers[code] = answers.get(code, 0) + 1
        asked = time.monotonic()
        assert server.sagemaker.list_models()["Models"] == []  # others are answered
        assert time.monotonic() - asked < LATE
    return most - before, answers


def test_bodies_without_a_key_are_not_read(server: LocalServer) -> None:
    grown, answers = flood(server, ("AKIA" + "NOBODY" * 2, "x"))
    assert grown < 60 << 20 and set(answers) <= {403, 0}
    print(f"{MANY} bodies of {SIZE >> 20} MiB without a key: grew by {grown / 1e6:.0f} MB, answered {answers}")


def test_bodies_that_never_end_have_a_budget(server: LocalServer) -> None:
    grown, answers = flood(server, server._keys)
    assert grown < HELD_BYTES + (120 << 20) and answers.get(503, 0) >= MANY // 2
    with pytest.raises(ClientError, match="not found"):  # and what was held is free again
        server.runtime.invoke_endpoint(EndpointName="absent", Body=b"x" * (5 << 20))
    print(f"{MANY} of them with a key, never finished: grew by {grown / 1e6:.0f} MB, answered {answers} (-1: waiting)")


def test_what_dribbles_is_closed_in_time(server: LocalServer) -> None:
    keys = server._keys
    unsigned = {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}
    connections = {name: connect(server) for name in ("head", "silence", "invocation", "object")}
    connections["head"].sendall(b"POST / HTTP/1.1\r\n")
    connections["invocation"].sendall(head(server, keys))
    connections["object"].sendall(head(server, keys, "s3", "/bucket/k", **unsigned))
    began, ended, found = time.monotonic(), dict[str, float](), dict[str, int]()
    while len(ended) < len(connections) and time.monotonic() - began < max(GRACE, HEAD_SECONDS) + LATE:
        for name in connections.keys() - ended.keys():
            connection = connections[name]
            connection.settimeout(0.05)
            try:
                found[name] = status(connection)
                ended[name] = time.monotonic() - began
            except TimeoutError:
                with contextlib.suppress(OSError):
                    if name != "silence":
                        connection.sendall(b"X-A: b\r\n" if name == "head" else b"x")
        time.sleep(0.2)
    for connection in connections.values():
        connection.close()
    assert set(ended) == set(connections), ended
    assert found == {"head": 0, "silence": 0, "invocation": 400, "object": 400}
    assert max(ended["invocation"], ended["object"]) < GRACE + LATE and max(ended.values()) < HEAD_SECONDS + LATE
    assert not server.files("objects/blobs/*/*"), "nothing of the object is left"
    print(json.dumps({name: f"{seconds:.1f} s" for name, seconds in ended.items()}))
