"""Row 72. Clients that send thousands of requests in one go, and clients that never read an answer: memory stays flat, and others
are answered as quickly as ever."""

import contextlib
import socket
import threading
import time

from tests.support import artefact
from tests.support.server import Server

PING = b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"
TOGETHER, CLIENTS, SECONDS = 7000, 4, 5.0


def test_thousands_of_requests_in_one_go_are_answered_and_delay_nobody() -> None:
    with Server(artefact.small(), SAGEMAKER_MODEL_SERVER_WORKERS=1) as server:
        alone = _slowest(server, 2.0)
        with socket.create_connection(("127.0.0.1", server.port), timeout=60) as client:
            answers: list[int] = []
            reader = threading.Thread(target=lambda: answers.append(_count(client, 3 * TOGETHER)))
            reader.start()
            sender = threading.Thread(target=client.sendall, args=(3 * TOGETHER * PING,))
            sender.start()
            among = _slowest(server, 2.0)
            sender.join(60)
            reader.join(60)
        print(
            f"{3 * TOGETHER} pipelined, {answers[0]} answered; /ping p99 {1000 * alone:.1f} ms alone, {1000 * among:.1f} ms among"
        )
        assert answers == [3 * TOGETHER] and among < max(0.05, 5 * alone)


def test_clients_that_never_read_cost_no_memory() -> None:
    with Server(artefact.small(), SAGEMAKER_MODEL_SERVER_WORKERS=1) as server:
        alone, before = _slowest(server, 1.0), server.rss()
        clients = [socket.create_connection(("127.0.0.1", server.port), timeout=60) for _ in range(CLIENTS)]
        end, sent = time.monotonic() + SECONDS, 0
        for client in clients:
            client.setblocking(False)
        while time.monotonic() < end:
            for client in clients:
                with contextlib.suppress(BlockingIOError):
                    sent += client.send(2000 * PING)
            time.sleep(0.001)
        among, growth = _slowest(server, 1.0), server.rss() - before
        for client in clients:
            client.close()
        print(
            f"{CLIENTS} clients sent {sent / 2**20:.1f} MiB and read nothing: {growth / 2**20:+.1f} MiB, /ping p99 "
            f"{1000 * among:.1f} ms, alone {1000 * alone:.1f} ms"
        )
        assert growth < 16 << 20 and among < max(1.0, 5 * alone)


def _slowest(server: Server, seconds: float) -> float:
    """The 99th percentile of /ping for as long, in seconds."""
    waits, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        start = time.monotonic()
        assert server.ping().status == 200
        waits.append(time.monotonic() - start)
    return sorted(waits)[int(len(waits) * 0.99)]


def _count(client: socket.socket, wanted: int) -> int:
    """How many answers come, until there are as many as wanted."""
    found, rest = 0, b""
    while found < wanted and (piece := client.recv(1 << 20)):
        whole = rest + piece
        found += whole.count(b"HTTP/1.1 200 OK\r\n")
        rest = whole[whole.rfind(b"\r\n") :][-16:] if not whole.endswith(b"\r\n\r\n") else b""
    return found
