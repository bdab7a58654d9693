"""Row 99. Every host name that botocore can make of a service here ends here, or is refused with a line; none is passed on.

The person's own proxy stands where what is passed on would go, and counts.
"""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator

import pytest

from tests.support.aws_endpoints import PARTITIONS, SERVICES, names_of
from tests.support.https_proxy import authority_of, known, proxy_of, said, through
from tests.support.local_server import LocalServer

REGIONS = [next(region for region in one["regions"] if region[-1].isdigit()) for one in PARTITIONS["partitions"]]
"""One of each partition."""


@pytest.fixture(scope="module")
def passed_on() -> Iterator[list[str]]:
    """What the person's own proxy was asked for; its port is the first."""
    asked: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def take() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    with client:
                        asked.append(client.recv(10_000).split()[1].decode())
                        client.sendall(b"HTTP/1.1 499 Counted\r\n\r\n")

        asked.append(str(listener.getsockname()[1]))
        threading.Thread(target=take, daemon=True).start()
        yield asked


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, passed_on: list[str]) -> Iterator[LocalServer]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KENNEL_UPSTREAM_PROXY", f"http://127.0.0.1:{passed_on[0]}")
        started = LocalServer(tmp_path_factory.mktemp("root"))
    started.s3.create_bucket(Bucket="bucket")
    yield started
    started.stop()


def connect(server: LocalServer, host: str) -> str:
    """The status line of a CONNECT to a host."""
    with socket.create_connection(proxy_of(server), timeout=30) as client:
        client.sendall(known(server, f"CONNECT {host}:443 HTTP/1.1\r\n\r\n".encode()))
        return client.recv(5000).decode().splitlines()[0]


def test_every_name_ends_here_or_is_refused(server: LocalServer, passed_on: list[str]) -> None:
    hosts = {host for service in SERVICES if service != "s3" for host in names_of(service, REGIONS)}
    hosts |= {*names_of("sts", REGIONS, UseGlobalEndpoint=True), *names_of("s3", REGIONS, Bucket="bucket")}
    hosts |= {*names_of("s3", REGIONS, Bucket="bucket", Accelerate=True)}
    for host in sorted(hosts):
        assert connect(server, host).startswith("HTTP/1.1 200 "), host
    for host in sorted(hosts)[::25]:
        assert connect(server, f"{host}.").startswith("HTTP/1.1 200 "), host
        assert connect(server, host.upper()).startswith("HTTP/1.1 200 "), host
    context = ssl.create_default_context(cadata=authority_of(server))
    for host in {host.partition(".")[2]: host for host in sorted(hosts)}.values():
        connection = through(server, host, context)
        connection.request("GET", "/")
        assert connection.getresponse().status == 403, "nobody has signed it"
        connection.close()
    refused = {host for host in names_of("s3", REGIONS) if connect(server, host).startswith("HTTP/1.1 403 Forbidden: s3")}
    print(f"{len(hosts)} names end here, {len(refused)} are refused; passed on: {passed_on[1:]}")
    assert {host.removesuffix(":443") for host in passed_on[1:]} == {f"s3.{REGIONS[0]}.amazonaws.com"}, "of public data"
    assert len(refused) > 20 and "s3.dualstack.us-gov-east-1.amazonaws.com" in refused


def test_what_is_elsewhere_is_passed_on(server: LocalServer, passed_on: list[str]) -> None:
    for host in ("other.s3.amazonaws.com", "ec2.us-east-1.amazonaws.com", "example.com", "s3.us-west-2.amazonaws.com"):
        assert connect(server, host) == "HTTP/1.1 499 Counted" and passed_on[-1] == f"{host}:443"
    answer = said(server, known(server, b"CONNECT s3.cn-north-1.amazonaws.com.cn:443 HTTP/1.1\r\n\r\n"))
    assert answer.endswith(b"https://s3.REGION.amazonaws.com\n")
