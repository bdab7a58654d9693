"""Row 71. Hundreds of idle connections under a low limit of file descriptors: workers that die come back, and clients that are
connected are served. A program without a worker that is ready ends."""

import contextlib
import os
import signal
import socket
import time

from tests.support import artefact
from tests.support.server import Server

LIMIT = 256


def test_clients_never_take_every_file_descriptor(dogs: list[bytes]) -> None:
    with Server(artefact.small(), shell=f'ulimit -n {LIMIT}; exec "$@"', SAGEMAKER_MODEL_SERVER_WORKERS=1) as server:
        early = socket.create_connection(("127.0.0.1", server.port), timeout=60)
        early.sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
        assert early.recv(65_536).startswith(b"HTTP/1.1 200 ")
        served = server.event("serving")["connections"]
        clients = [socket.create_connection(("127.0.0.1", server.port), timeout=30) for _ in range(LIMIT + 50)]
        time.sleep(1)
        files = len(os.listdir(f"/proc/{server.process.pid}/fd"))
        (worker,) = server.workers()
        worker.kill()
        start = time.monotonic()
        head = f"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: {len(dogs[0])}\r\n\r\n"
        early.sendall(head.encode() + dogs[0])
        answer = early.recv(65_536)
        if b" 500 " in answer:  # it came before the worker's end was seen
            early.sendall(head.encode() + dogs[0])
            answer = early.recv(65_536)
        replaced = time.monotonic() - start
        assert answer.startswith(b"HTTP/1.1 200 ")
        told = sum(_told(client) for client in clients)
        for client in (early, *clients):
            client.close()
        time.sleep(0.5)
        assert (
            server.invoke(dogs[0]).status == 200 and not server.events("unforeseen") and not server.events("worker_not_started")
        )
        print(
            f"limit {LIMIT}: {served} connections served, {told} of {len(clients)} told that there are too many, "
            f"{files} descriptors open; a worker replaced after {replaced:.1f} s"
        )
        assert 100 < served < LIMIT and files < LIMIT and 0 < told < len(clients)


def test_the_soft_limit_is_raised(dogs: list[bytes]) -> None:
    with Server(artefact.small(), shell='ulimit -Sn 64; exec "$@"', SAGEMAKER_MODEL_SERVER_WORKERS=1) as server:
        clients = [socket.create_connection(("127.0.0.1", server.port), timeout=30) for _ in range(150)]
        assert server.invoke(dogs[0]).status == 200 and not any(_told(client) for client in clients)
        for client in clients:
            client.close()


def test_without_a_worker_for_too_long_the_program_ends(dogs: list[bytes]) -> None:
    with Server(artefact.small(), SAGEMAKER_MODEL_SERVER_WORKERS=1, KENNEL_WORKER_TIMEOUT_SECONDS=3) as server:
        (worker,) = server.workers()
        worker.kill()
        while len(loading := server.events("worker_loading")) < 2:
            time.sleep(0.005)
        start = time.monotonic()
        os.kill(loading[1]["pid"], signal.SIGSTOP)
        status, said = server.wait_end(20)
        print(f"ended with {status} after {time.monotonic() - start:.1f} s: {said.strip()}")
        assert status == 1 and "no worker has been ready for 3 s" in said


def _told(client: socket.socket) -> bool:
    """Whether the server has refused this connection in words."""
    client.setblocking(False)
    with contextlib.suppress(BlockingIOError, ConnectionResetError):
        return b"TooManyConnections" in client.recv(65_536)
    return False
