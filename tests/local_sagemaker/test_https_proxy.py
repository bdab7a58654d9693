"""The HTTPS proxy of a real server: what ends here, what is passed on, and what a clumsy or hostile client gets."""

import contextlib
import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config

from local_sagemaker.https_proxy import CONNECTIONS, HEAD_BYTES
from local_sagemaker.identity.certificate_authority import CertificateAuthority
from tests.support.local_server import LocalServer


def proxy_of(server: LocalServer) -> tuple[str, int]:
    place = urlsplit(json.loads((server.root / "server.json").read_text())["https_proxy"])
    return str(place.hostname), int(place.port or 0)


def authority_of(server: LocalServer) -> str:
    connection = http.client.HTTPConnection(*proxy_of(server), timeout=30)
    connection.request("GET", "/certificate-authority.pem")
    return connection.getresponse().read().decode()


def said(server: LocalServer, sent: bytes) -> bytes:
    """All that the proxy answers, until it closes."""
    with socket.create_connection(proxy_of(server), timeout=30) as client:
        client.sendall(sent)
        answer = b""
        while piece := client.recv(65536):
            answer += piece
        return answer


@pytest.fixture()
def tunnel(server: LocalServer) -> Iterator[socket.socket]:
    """A connection to the proxy."""
    with socket.create_connection(proxy_of(server), timeout=30) as client:
        yield client


@contextlib.contextmanager
def host_elsewhere(answer: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """A host that takes what is sent until that ends, and then answers: its port, and what it got."""
    got: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def take() -> None:
            with contextlib.suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    while piece := connection.recv(65536):
                        got.append(piece)
                        if b"\r\n\r\n" in b"".join(got) and answer.startswith(b"HTTP/"):
                            break
                    connection.sendall(answer)

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        yield listener.getsockname()[1], got
    thread.join(10)


def client_of(server: LocalServer, service: str, trusted: Path, name: str) -> object:
    """A client that calls AWS by its own name."""
    host, port = proxy_of(server)
    return boto3.client(
        service,
        region_name="us-east-1",
        endpoint_url=name,
        aws_access_key_id=server._keys[0],
        aws_secret_access_key=server._keys[1],
        verify=str(trusted),
        config=Config(
            proxies={"https": f"http://{host}:{port}"}, retries={"total_max_attempts": 1}, s3={"addressing_style": "virtual"}
        ),
    )


def test_awss_names_end_here(server: LocalServer, tmp_path: Path) -> None:
    trusted = tmp_path / "authority.pem"
    trusted.write_text(authority_of(server))
    for region in ("us-east-1.", ""):
        sts = client_of(server, "sts", trusted, f"https://sts.{region}amazonaws.com")
        assert sts.get_caller_identity()["Account"] == "000000000000"
    sagemaker = client_of(server, "sagemaker", trusted, "https://api.sagemaker.us-east-1.amazonaws.com")
    assert sagemaker.list_training_jobs()["TrainingJobSummaries"] == []
    s3 = client_of(server, "s3", trusted, "https://s3.us-east-1.amazonaws.com")
    body = bytes(range(256)) * 20_000
    s3.put_object(Bucket="bucket", Key="a picture", Body=body)
    assert s3.get_object(Bucket="bucket", Key="a picture")["Body"].read() == body
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "a picture"})
    place = urlsplit(url)
    assert place.hostname == "bucket.s3.us-east-1.amazonaws.com"
    connection = http.client.HTTPSConnection(*proxy_of(server), context=ssl.create_default_context(cafile=trusted), timeout=30)
    connection.set_tunnel(place.hostname)
    for path, status in ((f"{place.path}?{place.query}", 200), (place.path, 403)):
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.status == status and (status != 200 or answer.read() == body)
        answer.read()


def test_what_the_sdk_reports_to_its_makers_stays_here(server: LocalServer) -> None:
    name = "sm-pysdk-t-us-east-1.s3.us-east-1.amazonaws.com"
    context = ssl.create_default_context(cadata=authority_of(server))
    connection = http.client.HTTPSConnection(*proxy_of(server), context=context, timeout=30)
    connection.set_tunnel(name)
    connection.request("GET", "/telemetry?x=1")
    assert connection.getresponse().status == 403


def test_everything_else_is_passed_on_untouched(server: LocalServer, tunnel: socket.socket) -> None:
    body = b"\x16\x03\x01 whatever it is" * 100_000
    with host_elsewhere(body[::-1]) as (port, got):
        # The first bytes come with the head, and the client's end is told before the answer comes.
        tunnel.sendall(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: x\r\n\r\n".encode() + body[:10])
        answer = tunnel.makefile("rb")
        assert answer.readline().startswith(b"HTTP/1.1 200") and answer.readline() == b"\r\n"
        tunnel.sendall(body[10:])
        tunnel.shutdown(socket.SHUT_WR)
        assert answer.read() == body[::-1]
    assert b"".join(got) == body


def test_it_goes_on_through_the_persons_own_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with host_elsewhere(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n") as (port, got):
        monkeypatch.setenv("KENNEL_UPSTREAM_PROXY", f"http://me:p%40ss@127.0.0.1:{port}")
        server = LocalServer(tmp_path / "root")
        try:
            assert said(server, b"CONNECT example.com:443 HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 407"), (
                "its answer is the client's"
            )
        finally:
            server.stop()
    head = b"".join(got).decode()
    assert head.startswith("CONNECT example.com:443 HTTP/1.1\r\n") and "Proxy-Authorization: Basic bWU6cEBzcw==\r\n" in head


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b"405"),
        (b"CONNECT sts.amazonaws.com HTTP/1.1\r\n\r\n", b"405"),
        (b"CONNECT a:0 HTTP/1.1\r\n\r\n", b"405"),
        (b"CONNECT a:65536 HTTP/1.1\r\n\r\n", b"405"),
        (b"CONNECT \xff\xfe:443 HTTP/1.1\r\n\r\n", b"405"),
        (b"\r\n\r\n", b"405"),
        (b"CONNECT a..b:443 HTTP/1.1\r\n\r\n", b"502"),
        (b"CONNECT 127.0.0.1:1 HTTP/1.1\r\n\r\n", b"502"),
        (b"CONNECT nowhere.invalid:443 HTTP/1.1\r\n\r\n", b"502"),
    ],
)
def test_what_cannot_be_is_answered(server: LocalServer, sent: bytes, status: bytes) -> None:
    answer = said(server, sent)
    assert answer.startswith(b"HTTP/1.1 " + status) and answer.endswith(b"\n")


def test_a_head_has_a_limit(server: LocalServer, tunnel: socket.socket) -> None:
    line = b"GET / HTTP/1.1\r\nA: "
    tunnel.sendall(line + b"x" * (HEAD_BYTES - len(line)))
    time.sleep(0.2)
    tunnel.sendall(b"\r\n\r\n")
    assert b" 405 " in tunnel.recv(1000)
    assert said(server, line + b"x" * (HEAD_BYTES + 1 - len(line))).startswith(b"HTTP/1.1 431")


def test_clients_that_trust_nobody_or_leave_hurt_nobody(server: LocalServer) -> None:
    for _ in range(20):
        with socket.create_connection(proxy_of(server), timeout=30) as client:
            client.sendall(b"CONNECT sts.amazonaws.com:443 HTTP/1.1\r\n\r\n")
            assert client.recv(1000).startswith(b"HTTP/1.1 200")
            client.sendall(b"no TLS at all")
    with pytest.raises(ssl.SSLCertVerificationError):
        connection = http.client.HTTPSConnection(*proxy_of(server), timeout=30)
        connection.set_tunnel("sts.amazonaws.com")
        connection.request("GET", "/")
    context = ssl.create_default_context(cadata=authority_of(server))
    connection = http.client.HTTPSConnection(*proxy_of(server), context=context, timeout=30)
    connection.set_tunnel("sts.amazonaws.com")
    connection.request("GET", "/")
    assert connection.getresponse().status == 403, "nobody has signed it"
    assert "Traceback" not in (server.root / "server.log").read_text()


def test_clients_that_leave_a_download_leave_no_traceback(server: LocalServer) -> None:
    server.s3.put_object(Bucket="bucket", Key="large", Body=bytes(30 << 20))
    url = server.s3.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "large"})
    context = ssl.create_default_context(cadata=authority_of(server))
    for _ in range(3):
        connection = http.client.HTTPSConnection(*proxy_of(server), context=context, timeout=30)
        connection.set_tunnel("BUCKET.s3.amazonaws.com")
        connection.request("GET", "/large?" + urlsplit(url).query)
        answer = connection.getresponse()
        answer.read(100_000 if answer.status == 200 else None)
        connection.close()
    assert len(server.s3.list_buckets()["Buckets"]) == 1
    assert "Traceback" not in (server.root / "server.log").read_text()


def test_there_is_a_limit_to_connections(server: LocalServer) -> None:
    with contextlib.ExitStack() as opened:
        held = [opened.enter_context(socket.create_connection(proxy_of(server), timeout=30)) for _ in range(CONNECTIONS)]
        held[-1].sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert b" 405 " in held[-1].recv(1000)
        replaced = opened.enter_context(socket.create_connection(proxy_of(server), timeout=30))
        one_more = opened.enter_context(socket.create_connection(proxy_of(server), timeout=30))
        with contextlib.suppress(ConnectionResetError):
            assert one_more.recv(1) == b""
        replaced.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert b" 405 " in replaced.recv(1000)
    assert len(server.s3.list_buckets()["Buckets"]) == 1


def test_open_tunnels_do_not_hold_the_server_up_and_its_authority_stays(tmp_path: Path) -> None:
    server = LocalServer(tmp_path / "root")
    authority = authority_of(server)
    with host_elsewhere(b"") as (port, _), socket.create_connection(proxy_of(server), timeout=30) as client:
        client.sendall(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n".encode())
        assert client.recv(1000).startswith(b"HTTP/1.1 200")
        began = time.monotonic()
        server.stop()
        assert client.recv(1) == b"" and time.monotonic() - began < 30
    server.start()
    try:
        assert authority_of(server) == authority == CertificateAuthority(server.root).certificate().decode()
    finally:
        server.stop()


def test_the_owner_has_taken_on_a_role_where_one_is_named(tmp_path: Path) -> None:
    server = LocalServer(tmp_path / "root", "--role", "team@work")
    try:
        assert server.client("sts").get_caller_identity()["Arn"] == "arn:aws:sts::000000000000:assumed-role/team@work/SageMaker"
    finally:
        server.stop()
