"""Row 92. Another program takes the port that an endpoint's container was given and answers 200 to everything. What it answers is
not the container's: the instance is not healthy, and the reason names the port."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_sagemaker.containers.port_owner import PortOwner
from tests.support.local_server import LocalServer, make_config, make_endpoint, wait_until

BEGIN = """
import os, pathlib, socket, sys, time
place = pathlib.Path({place!r})
port = int(os.environ["SAGEMAKER_BIND_TO_PORT"])
(place / "port.part").write_text(str(port))
os.rename(place / "port.part", place / "port")
while not (place / "taken").exists():
    time.sleep(0.02)
"""
WAYS = {
    "and the container waits for it": "",
    "and the container listens there too": """
own = socket.socket()
own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
own.bind(("127.0.0.1", port))
own.listen()
""",
    "and the container listens at all addresses": """
own = socket.socket()
own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
own.bind(("0.0.0.0", port))
own.listen()
""",
}
END = """
while not (place / "go").exists():
    time.sleep(0.02)
sys.exit("cannot listen")
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    started = LocalServer(tmp_path_factory.mktemp("root"))
    started.s3.create_bucket(Bucket="bucket")
    yield started
    started.stop()


@contextlib.contextmanager
def stranger(port: int) -> Iterator[list[int]]:
    """Answers 200 to whoever asks; gives how often it was asked."""
    asked: list[int] = []
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()

        def answer() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        connection.recv(65536)
                        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                        asked.append(port)

        threading.Thread(target=answer, daemon=True).start()
        yield asked
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("way", WAYS)
def test_the_endpoint_is_not_in_service(own: LocalServer, way: str, tmp_path: Path) -> None:
    name = f"taken-{list(WAYS).index(way)}"
    start = BEGIN.format(place=str(tmp_path)) + WAYS[way] + END
    (tmp_path / "code").write_text(start)
    make_config(own, name, START=f"exec(open({str(tmp_path / 'code')!r}).read())")
    own.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    wait_until(lambda: (tmp_path / "port").exists())
    port = int((tmp_path / "port").read_text())
    with stranger(port) as asked:
        (tmp_path / "taken").touch()
        wait_until(lambda: len(asked) > 3 or "listen there too" in way)
        time.sleep(1.0)
        assert own.sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "Creating"
        (tmp_path / "go").touch()
        wait_until(lambda: own.sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "Failed")
    reason = own.sagemaker.describe_endpoint(EndpointName=name)["FailureReason"]
    print(f"{way}: the stranger was asked {len(asked)} times; {reason[-200:]}")
    assert f"Another program listens at its port, 127.0.0.1:{port}" in reason or not asked
    own.sagemaker.delete_endpoint(EndpointName=name)


def test_a_worker_of_the_container_may_listen_for_it(own: LocalServer) -> None:
    """It is a process below the container's first one, in a session of its own."""
    made = make_endpoint(own, "worker", START="import os\nif os.fork(): os.wait()\nelse: os.setsid()")
    assert made["EndpointStatus"] == "InService"
    body = own.runtime.invoke_endpoint(EndpointName="worker", Body=b"pid")["Body"].read()
    print(f"process {body.decode()} answers")
    own.sagemaker.delete_endpoint(EndpointName="worker")


def test_who_listens_is_told_by_the_sockets() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        owner = PortOwner(port, os.getpid())
        assert not owner.is_taken() and not owner.is_taken()
        assert PortOwner(port, other.pid).is_taken()
        other.communicate(b"\n")
        began = time.perf_counter()
        owner.is_taken()
        again = time.perf_counter() - began
        PortOwner(port, os.getpid()).is_taken()
        print(f"told in {1000 * (time.perf_counter() - began - again):.1f} ms, and again in {1000 * again:.1f} ms")
    assert not owner.is_taken()
