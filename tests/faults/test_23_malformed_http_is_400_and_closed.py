"""Row 23: malformed HTTP gets one 400 and a closed connection; never a 5xx, never two answers, never a hang."""

import random
from collections.abc import Iterator

import pytest

from tests.support import artefact
from tests.support.malformed_http import CORPUS, POST
from tests.support.server import Server

FUZZ_ROUNDS = 300


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(artefact.small(), SAGEMAKER_MODEL_SERVER_WORKERS=1) as running:
        yield running


@pytest.mark.parametrize("name", CORPUS)
def test_the_corpus(server: Server, name: str) -> None:
    answer = server.raw(CORPUS[name])
    assert answer.startswith(b"HTTP/1.1 400 "), answer[:200]
    assert answer.count(b"HTTP/1.1 ") == 1 and b"Connection: close" in answer


def test_other_routes_and_methods_are_refused(server: Server) -> None:
    assert server.request("GET", "/models").status == 404
    assert server.request("POST", "/models?url=http://x/y.mar").status == 404
    assert server.request("OPTIONS", "/").status == 404
    assert server.request("GET", "/predictions/model").status == 404
    assert server.request("GET", "/invocations").status == 405
    assert server.request("POST", "/ping", b"").status == 405


def test_pipelined_requests_are_answered_in_order(server: Server, dogs: list[bytes]) -> None:
    dog = dogs[0]
    invoke = POST + b"Content-Length: %d\r\n\r\n" % len(dog) + dog
    ping, last = b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = server.raw(ping * 500 + invoke + ping + invoke + last + ping)
    statuses = [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [200] * 503 + [404]
    parts = answer.split(b"HTTP/1.1 ")[1:]
    assert [b"predictions" in part for part in parts] == [False] * 500 + [True, False, True, False]


def test_fuzzed_requests_never_break_the_server(server: Server) -> None:
    choose = random.Random(23)
    seeds = [*CORPUS.values(), b"GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"]
    seen: dict[int, int] = {}
    for _ in range(FUZZ_ROUNDS):
        data = bytearray(choose.choice(seeds)[:2000])
        for _ in range(choose.randint(1, 6)):
            place = choose.randrange(len(data))
            data[place : place + choose.randint(0, 2)] = bytes(choose.randrange(256) for _ in range(choose.randint(0, 3)))
        answer = _shut(server, bytes(data))
        for part in answer.split(b"HTTP/1.1 ")[1:]:
            status = int(part[:3])
            seen[status] = seen.get(status, 0) + 1
            assert status < 500 or b"ShuttingDown" in part, (data, part)
    print(f"{FUZZ_ROUNDS} fuzzed requests: {seen}")
    assert server.ping().status == 200 and not server.events("worker_gone") and not server.events("request_failed")


def _shut(server: Server, data: bytes) -> bytes:
    """Send, end our side, read what comes: an unfinished request must not keep us waiting."""
    import socket

    with socket.create_connection(("127.0.0.1", server.port), timeout=15) as link:
        try:
            link.sendall(data)
            link.settimeout(0.15)
            received = b""
            while piece := link.recv(65536):
                received += piece
            return received
        except OSError:
            return b""
