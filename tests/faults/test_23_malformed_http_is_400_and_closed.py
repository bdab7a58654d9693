"""Row 23: malformed HTTP gets one 400 and a closed connection; never a 5xx, never two answers, never a hang."""

import random
from collections.abc import Iterator

import pytest

from tests.support import artefact
from tests.support.server import Server

FUZZ_ROUNDS = 300
POST = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\n"
CORPUS = {
    "Content-Length and Transfer-Encoding": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two Content-Lengths": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    "two equal Content-Lengths": POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde",
    "Content-Length with a sign": POST + b"Content-Length: +5\r\n\r\nabcde",
    "Content-Length of a hundred digits": POST + b"Content-Length: " + b"9" * 100 + b"\r\n\r\n",
    "unknown transfer coding": POST + b"Transfer-Encoding: gzip\r\n\r\nabc",
    "chunked is not last": POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "chunk size is no number": POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n",
    "chunk longer than it says": POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n0\r\n\r\n",
    "chunk ends with LF only": POST + b"Transfer-Encoding: chunked\r\n\r\n2\nab\n0\n\n",
    "chunk size overflows": POST + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    "bare CR in a header": b"GET /ping HTTP/1.1\r\nHost: x\rX: y\r\n\r\n",
    "NUL in a header": b"GET /ping HTTP/1.1\r\nHost: x\0y\r\n\r\n",
    "space before the colon": b"GET /ping HTTP/1.1\r\nHost : x\r\n\r\n",
    "header without a colon": b"GET /ping HTTP/1.1\r\nHost\r\n\r\n",
    "64 kB of one header": b"GET /ping HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 65536 + b"\r\n\r\n",
    "64 kB of many headers": b"GET /ping HTTP/1.1\r\nHost: x\r\n" + b"X: abc\r\n" * 8192 + b"\r\n",
    "64 kB of path": b"GET /" + b"a" * 65536 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "HTTP/0.9": b"GET /ping\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/3.7": b"GET /ping HTTP/3.7\r\nHost: x\r\n\r\n",
    "unknown method": b"BREW /ping HTTP/1.1\r\nHost: x\r\n\r\n",
    "TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500,
}


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
