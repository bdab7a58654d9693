"""The HTTPS proxy of a real server: what ends here, what is passed on, and what a clumsy or hostile client gets."""

import asyncio
import contextlib
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config

from local_sagemaker.https_proxy import CONNECTIONS, HEAD_BYTES, HttpsProxy
from local_sagemaker.identity.certificate_authority import CertificateAuthority
from tests.support.https_proxy import authority_of, known, login_of, proxy_of, said, through, url_of
from tests.support.local_server import LocalServer, wait_until


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
    return boto3.client(
        service,
        region_name="us-east-1",
        endpoint_url=name,
        aws_access_key_id=server._keys[0],
        aws_secret_access_key=server._keys[1],
        verify=str(trusted),
        config=Config(proxies={"https": url_of(server)}, retries={"total_max_attempts": 1}, s3={"addressing_style": "virtual"}),
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
    connection = through(server, place.hostname, ssl.create_default_context(cafile=trusted))
    for path, status in ((f"{place.path}?{place.query}", 200), (place.path, 403)):
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.status == status and (status != 200 or answer.read() == body)
        answer.read()


@pytest.mark.parametrize("end", ["us-east-1.amazonaws.com.", "us-east-1.api.aws", "us-east-1.amazonaws.com.cn", "amazonaws.com."])
def test_all_of_awss_names_end_here(server: LocalServer, tmp_path: Path, end: str) -> None:
    trusted = tmp_path / "authority.pem"
    trusted.write_text(authority_of(server))
    for service in ("sts", "sts-fips"):
        sts = client_of(server, "sts", trusted, f"https://{service}.{end}")
        assert sts.get_caller_identity()["Account"] == "000000000000"
    context = ssl.create_default_context(cafile=trusted)
    for name in ("s3.dualstack", "s3-fips"):
        connection = through(server, f"bucket.{name}.{end}".removesuffix("."), context)
        connection.request("GET", "/", headers={"Host": f"bucket.{name}.{end}"})
        assert connection.getresponse().status == 403


@pytest.mark.parametrize(
    "name", ["s3.dualstack.us-east-1.amazonaws.com", "s3.cn-north-1.amazonaws.com.cn.", "s3-fips.us-east-1.amazonaws.com"]
)
def test_a_name_that_may_be_either_is_refused_with_what_to_use(server: LocalServer, name: str) -> None:
    answer = said(server, known(server, f"CONNECT {name}:443 HTTP/1.1\r\n\r\n".encode()))
    assert answer.startswith(b"HTTP/1.1 403") and b"use https://BUCKET.s3" in answer and answer.endswith(b"\n")


def test_what_the_sdk_reports_to_its_makers_stays_here(server: LocalServer) -> None:
    name = "sm-pysdk-t-us-east-1.s3.us-east-1.amazonaws.com"
    context = ssl.create_default_context(cadata=authority_of(server))
    connection = through(server, name, context)
    connection.request("GET", "/telemetry?x=1")
    assert connection.getresponse().status == 403


def test_everything_else_is_passed_on_untouched(server: LocalServer, tunnel: socket.socket) -> None:
    body = b"\x16\x03\x01 whatever it is" * 100_000
    with host_elsewhere(body[::-1]) as (port, got):
        # The first bytes come with the head, and the client's end is told before the answer comes.
        tunnel.sendall(known(server, f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: x\r\n\r\n".encode()) + body[:10])
        answer = tunnel.makefile("rb")
        assert answer.readline().startswith(b"HTTP/1.1 200") and answer.readline() == b"\r\n"
        tunnel.sendall(body[10:])
        tunnel.shutdown(socket.SHUT_WR)
        assert answer.read() == body[::-1]
    assert b"".join(got) == body


def test_it_goes_on_through_the_persons_own_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with host_elsewhere(b"HTTP/1.1 499 Its own\r\n\r\n") as (port, got):
        monkeypatch.setenv("KENNEL_UPSTREAM_PROXY", f"http://me:p%40ss@127.0.0.1:{port}")
        server = LocalServer(tmp_path / "root")
        try:
            assert said(server, known(server, b"CONNECT example.com:443 HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 499"), (
                "its answer is the client's"
            )
        finally:
            server.stop()
    head = b"".join(got).decode()
    assert head.startswith("CONNECT example.com:443 HTTP/1.1\r\n")
    assert re.findall("Proxy-Authorization: .*", head) == ["Proxy-Authorization: Basic bWU6cEBzcw==\r"], "and not ours"


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
    answer = said(server, known(server, sent))
    assert answer.startswith(b"HTTP/1.1 " + status) and answer.endswith(b"\n")


@pytest.mark.parametrize(
    ("target", "why"),
    [
        (b"nowhere.invalid:443", "nowhere.invalid:443: the name cannot be resolved ("),
        (b"a..b:443", "a..b:443: this is no name of a host"),
        (b"127.0.0.1:1", "127.0.0.1:1: Connection refused"),
    ],
)
def test_the_status_line_says_which_host_cannot_be_reached_and_why(server: LocalServer, target: bytes, why: str) -> None:
    head, body = said(server, known(server, b"CONNECT " + target + b" HTTP/1.1\r\n\r\n")).decode().split("\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 502 Bad Gateway: {why}") and body.startswith(f"Bad Gateway: {why}")


def test_a_proxy_that_leads_on_and_cannot_be_reached_is_named(tmp_path: Path) -> None:
    with proxy_here(tmp_path, "http://127.0.0.1:1") as (port, _):
        client, told = answer_of(port, "example.com:443")
        client.close()
    assert told.startswith("HTTP/1.1 502 Bad Gateway: 127.0.0.1:1 (the proxy that leads on): Connection refused\r\n")


def test_a_head_has_a_limit(server: LocalServer, tunnel: socket.socket) -> None:
    line = known(server, b"GET / HTTP/1.1\r\nA: ")
    tunnel.sendall(line + b"x" * (HEAD_BYTES - len(line)))
    time.sleep(0.2)
    tunnel.sendall(b"\r\n\r\n")
    assert b" 405 " in tunnel.recv(1000)
    for end in (b"", b"\r\n\r\n"):
        assert said(server, line + b"x" * (HEAD_BYTES + 1 - len(line)) + end).startswith(b"HTTP/1.1 431")


def test_clients_that_trust_nobody_or_leave_hurt_nobody(server: LocalServer) -> None:
    for _ in range(20):
        with socket.create_connection(proxy_of(server), timeout=30) as client:
            client.sendall(known(server, b"CONNECT sts.amazonaws.com:443 HTTP/1.1\r\n\r\n"))
            assert client.recv(1000).startswith(b"HTTP/1.1 200")
            client.sendall(b"no TLS at all")
    with pytest.raises(ssl.SSLCertVerificationError):
        connection = through(server, "sts.amazonaws.com")
        connection.request("GET", "/")
    context = ssl.create_default_context(cadata=authority_of(server))
    connection = through(server, "sts.amazonaws.com", context)
    connection.request("GET", "/")
    assert connection.getresponse().status == 403, "nobody has signed it"
    assert "Traceback" not in (server.root / "server.log").read_text()


def test_clients_that_leave_a_download_leave_no_traceback(server: LocalServer) -> None:
    server.s3.put_object(Bucket="bucket", Key="large", Body=bytes(30 << 20))
    url = server.s3.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "large"})
    context = ssl.create_default_context(cadata=authority_of(server))
    for _ in range(3):
        connection = through(server, "BUCKET.s3.amazonaws.com", context)
        connection.request("GET", "/large?" + urlsplit(url).query)
        answer = connection.getresponse()
        answer.read(100_000 if answer.status == 200 else None)
        connection.close()
    assert len(server.s3.list_buckets()["Buckets"]) == 1
    assert "Traceback" not in (server.root / "server.log").read_text()


def test_there_is_a_limit_to_clients_whatever_they_lead_to(server: LocalServer) -> None:
    context = ssl.create_default_context(cadata=authority_of(server))
    with contextlib.ExitStack() as opened:
        elsewhere = opened.enter_context(socket.create_server(("127.0.0.1", 0), backlog=128))
        for number in range(150):
            target = "sts.amazonaws.com:443" if number % 3 == 0 else f"127.0.0.1:{elsewhere.getsockname()[1]}"
            one = opened.enter_context(socket.create_connection(proxy_of(server), timeout=30))
            one.sendall(known(server, f"CONNECT {target} HTTP/1.1\r\n\r\n".encode()))
            assert one.recv(1000).endswith(b"\r\n\r\n")
            if number % 3 == 0:
                opened.enter_context(context.wrap_socket(one, server_hostname="sts.amazonaws.com"))
        held = [opened.enter_context(socket.create_connection(proxy_of(server), timeout=30)) for _ in range(CONNECTIONS - 150)]
        held[-1].sendall(known(server, b"GET / HTTP/1.1\r\n\r\n"))
        assert b" 405 " in held[-1].recv(1000)
        replaced = opened.enter_context(socket.create_connection(proxy_of(server), timeout=30))
        one_more = opened.enter_context(socket.create_connection(proxy_of(server), timeout=30))
        with contextlib.suppress(ConnectionResetError):
            assert one_more.recv(1) == b""
        replaced.sendall(known(server, b"GET / HTTP/1.1\r\n\r\n"))
        assert b" 405 " in replaced.recv(1000)
    assert len(server.s3.list_buckets()["Buckets"]) == 1
    wait_until(lambda: said(server, known(server, b"GET / HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 405"))


@contextlib.contextmanager
def proxy_here(tmp_path: Path, upstream: str = "", idle: float = 0.6) -> Iterator[tuple[int, HttpsProxy]]:
    """A proxy in this process, which has patience for `idle` seconds: its port, and itself. {port} in `upstream` is its own."""
    loop = asyncio.new_event_loop()
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    upstream = upstream.format(port=port)
    proxy = HttpsProxy(CertificateAuthority(tmp_path), bool, asyncio.Protocol, "secret", upstream, idle)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    serving = asyncio.run_coroutine_threadsafe(proxy.listen(listener), loop).result(10)
    try:
        yield port, proxy
    finally:
        loop.call_soon_threadsafe(serving.close)
        loop.call_soon_threadsafe(proxy.close)
        loop.call_soon_threadsafe(lambda: loop.call_later(0.1, loop.stop))
        thread.join(10)
        loop.close()


def answer_of(port: int, target: str) -> tuple[socket.socket, str]:
    """A CONNECT to a target, with the password of `proxy_here`: the connection, and what is answered at once."""
    client = socket.create_connection(("127.0.0.1", port), timeout=30)
    ((name, value),) = login_of("http://kennel:secret@x").items()
    client.sendall(f"CONNECT {target} HTTP/1.1\r\n{name}: {value}\r\n\r\n".encode())
    return client, client.recv(5000).decode()


def test_a_connection_through_which_nothing_comes_is_closed(tmp_path: Path) -> None:
    with proxy_here(tmp_path) as (port, proxy), socket.create_server(("127.0.0.1", 0)) as elsewhere:
        client, said = answer_of(port, f"127.0.0.1:{elsewhere.getsockname()[1]}")
        other, _ = elsewhere.accept()
        with client, other:
            assert said.startswith("HTTP/1.1 200")
            for sender, taker in [(client, other), (other, client)] * 3:  # each way is enough, and again and again
                time.sleep(0.35)
                sender.sendall(b"x")
                assert taker.recv(10) == b"x" and len(proxy.clients) == 1
            began = time.monotonic()
            for end in (client, other):
                with contextlib.suppress(ConnectionResetError):
                    assert end.recv(10) == b""
            assert 0.4 < time.monotonic() - began < 10
        ended, _ = answer_of(port, "sts.amazonaws.com:443")
        with ended, contextlib.suppress(ConnectionResetError):
            assert ended.recv(10) == b"", "without a handshake too"
        wait_until(lambda: not proxy.clients)


def test_an_end_that_takes_nothing_is_not_waited_for(tmp_path: Path) -> None:
    with proxy_here(tmp_path) as (port, proxy), socket.create_server(("127.0.0.1", 0)) as elsewhere:
        client, _ = answer_of(port, f"127.0.0.1:{elsewhere.getsockname()[1]}")
        other, _ = elsewhere.accept()
        with other:
            client.settimeout(1)
            with client, contextlib.suppress(OSError):
                while True:
                    client.sendall(bytes(1 << 20))
            wait_until(lambda: not proxy.clients, 10)
            with contextlib.suppress(ConnectionResetError):
                while other.recv(1 << 20):
                    pass


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "0.0.0.0", "[::ffff:127.0.0.1]", "LOCALHOST"])
def test_it_does_not_lead_to_itself(server: LocalServer, host: str) -> None:
    port = proxy_of(server)[1]
    answer = said(server, known(server, f"CONNECT {host}:{port} HTTP/1.1\r\n\r\n".encode()))
    assert answer.startswith(b"HTTP/1.1 403") and b"is this proxy itself" in answer
    answer = said(server, known(server, f"CONNECT {host}:{port - 1} HTTP/1.1\r\n\r\n".encode() + b"GET / HTTP/1.0\r\n\r\n"))
    assert answer.startswith(b"HTTP/1.1 200"), "the server beside it is another matter"


def test_it_does_not_go_on_through_itself(tmp_path: Path) -> None:
    with proxy_here(tmp_path, "http://kennel:secret@localhost:{port}") as (port, proxy):
        client, said = answer_of(port, "example.com:443")
        client.close()
        assert said.startswith("HTTP/1.1 403") and f"localhost:{port} is this proxy itself" in said
        wait_until(lambda: not proxy.clients)


def test_what_comes_with_the_head_is_the_beginning_of_tls(server: LocalServer, tunnel: socket.socket) -> None:
    """A client may send its first message without waiting for the answer."""
    coming, going = ssl.MemoryBIO(), ssl.MemoryBIO()
    name = "sts.amazonaws.com"
    secured = ssl.create_default_context(cadata=authority_of(server)).wrap_bio(coming, going, server_hostname=name)
    with contextlib.suppress(ssl.SSLWantReadError):
        secured.do_handshake()
    tunnel.sendall(known(server, f"CONNECT {name}:443 HTTP/1.1\r\n\r\n".encode()) + going.read())
    answer = tunnel.makefile("rb")
    assert answer.readline().startswith(b"HTTP/1.1 200") and answer.readline() == b"\r\n"

    def done(step: Callable[[], object]) -> object:
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                tunnel.sendall(going.read())
                coming.write(answer.read1())

    done(secured.do_handshake)
    secured.write(b"GET / HTTP/1.1\r\nHost: sts.amazonaws.com\r\n\r\n")
    tunnel.sendall(going.read())
    assert done(lambda: secured.read(1000)).startswith(b"HTTP/1.1 403")


def test_open_tunnels_do_not_hold_the_server_up_and_its_authority_stays(tmp_path: Path) -> None:
    server = LocalServer(tmp_path / "root")
    authority = authority_of(server)
    with host_elsewhere(b"") as (port, _), socket.create_connection(proxy_of(server), timeout=30) as client:
        client.sendall(known(server, f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n".encode()))
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
