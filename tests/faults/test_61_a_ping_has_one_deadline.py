"""Row 61: a container that never ends its answer to /ping. Also local_sagemaker.endpoints.health_check."""

import contextlib
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from local_sagemaker.endpoints.health_check import ANSWER_BYTES, is_healthy
from tests.support.local_server import IMAGES, ROLE, LocalServer, wait_until

ODD = {"deleted": "dribbles its head", "left": "has no end"}
"""The endpoints of one server: how their containers never end an answer."""
HEALTHY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
NEVER_WHOLE = {
    "dribbles its head": (b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
    "dribbles its body": (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x"),
    "has no end": (b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
    "has chunks without end": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "is half": (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", b""),
    "is silence": (b"", b""),
}
WHOLE = {
    "a length": HEALTHY,
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "the end": b"HTTP/1.0 200 OK\r\n\r\nok",
}
CONTAINER = """
import os, socket, time
listener = socket.create_server(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])))
healthy = 3
while True:
    connection, _ = listener.accept()
    connection.recv(65536)
    if healthy > 0:
        healthy -= 1
        connection.sendall({good!r})
        connection.close()
        continue
    print("dribbling", flush=True)
    try:
        connection.sendall({begin!r})
        while True:
            time.sleep(0.2)
            connection.sendall({more!r})
    except OSError:
        pass
"""


@contextlib.contextmanager
def answering(begin: bytes, more: bytes | None) -> Iterator[str]:
    """A server that begins its answer and then, every 0.1 s, adds to it; with None it closes. Gives its address."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(65536)
                connection.sendall(begin)
                while more is not None and not over.wait(0.1):
                    connection.sendall(more)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        over.set()
        thread.join()


@pytest.mark.parametrize("what", NEVER_WHOLE)
def test_an_answer_that_is_never_whole_is_not_healthy(what: str) -> None:
    with answering(*NEVER_WHOLE[what]) as address:
        asked = time.monotonic()
        assert not is_healthy(address, 1.0)
        took = time.monotonic() - asked
    assert 0.9 < took < 5
    print(f"an answer that {what}: not healthy after {took:.2f} s of 1")


@pytest.mark.parametrize("what", WHOLE)
def test_a_whole_answer_is_healthy_however_it_ends(what: str) -> None:
    with answering(WHOLE[what], None) as address:
        assert is_healthy(address, 5.0)
    with answering(WHOLE[what].replace(b" 200 ", b" 500 "), None) as address:
        assert not is_healthy(address, 5.0)
    with answering(HEALTHY, b"") as address:  # it keeps the connection open
        assert is_healthy(address, 5.0)


@pytest.mark.parametrize(("size", "healthy"), [(ANSWER_BYTES - 100, True), (ANSWER_BYTES + 100, False)])
def test_an_answer_has_a_limit(size: int, healthy: bool) -> None:
    with answering(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * size, None) as address:
        assert is_healthy(address, 5.0) == healthy


@pytest.fixture()
def server(tmp_path: Path) -> Iterator[LocalServer]:
    """A server with an image for each of ODD, which is healthy three times and then never ends its answer."""
    for name, how in ODD.items():
        begin, more = NEVER_WHOLE[how]
        (tmp_path / f"odd-{name}.py").write_text(CONTAINER.format(good=HEALTHY, begin=begin, more=more))
        IMAGES[f"test-odd-{name}:1"] = [sys.executable, str(tmp_path / f"odd-{name}.py")]
    started = LocalServer(tmp_path / "root")
    for name in ODD:
        del IMAGES[f"test-odd-{name}:1"]
    yield started
    started.kill()


def test_its_endpoint_can_be_deleted_and_nothing_outlives_the_server(server: LocalServer, tmp_path: Path) -> None:
    for name in ODD:
        container = {"Image": f"test-odd-{name}:1"}
        server.sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
        variant = {"VariantName": "a", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        server.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        server.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)

    def containers() -> list[psutil.Process]:
        scripts, running = {str(tmp_path / f"odd-{name}.py") for name in ODD}, []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                running += [process] if scripts & {*process.cmdline()} and process.status() != psutil.STATUS_ZOMBIE else []
        return running

    def dribbling() -> int:
        found = 0
        for log in server.files("endpoints/*/*/*/*/log"):
            with contextlib.suppress(FileNotFoundError):  # an instance goes, another comes
                found += b"dribbling" in log.read_bytes()
        return found

    wait_until(lambda: dribbling() >= 2, 60)
    asked = time.monotonic()
    server.sagemaker.delete_endpoint(EndpointName="deleted")
    wait_until(lambda: not server.sagemaker.list_endpoints(NameContains="deleted")["Endpoints"], 30)
    deleted = time.monotonic() - asked
    assert containers()
    asked = time.monotonic()
    server.stop()
    stopped = time.monotonic() - asked
    assert not containers()
    print(f"deleted in {deleted:.1f} s, the server ended {stopped:.1f} s after SIGTERM, and no container is left")
    assert deleted < 15 and stopped < 25
