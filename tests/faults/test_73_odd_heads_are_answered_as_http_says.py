"""Row 73. Heads that are well-formed and odd: refused with the status that HTTP names for them, or ignored as it says; never a
traceback, never a 500."""

from collections.abc import Iterator

import pytest

from tests.support import artefact
from tests.support.server import Server

CLOSE = b"Host: x\r\nConnection: close\r\n"
POST = b"POST /invocations HTTP/1.1\r\nContent-Type: image/jpeg\r\n" + CLOSE
UPGRADE = b"Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
ODD = {
    "no Host": (b"GET /ping HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
    "no Host in HTTP/1.0": (b"GET /ping HTTP/1.0\r\n\r\n", 200),
    "CONNECT": (b"CONNECT x:80 HTTP/1.1\r\n" + CLOSE + b"\r\n", 501),
    "CONNECT to a path": (b"CONNECT /ping HTTP/1.1\r\n" + CLOSE + b"\r\n", 501),
    "gzip, chunked": (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    "chunked in HTTP/1.0": (POST.replace(b"/1.1", b"/1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "an expectation that is not known": (POST + b"Expect: 200-maybe\r\nContent-Length: 3\r\n\r\nabc", 417),
    "4,400 zeros before a length": (POST + b"Content-Length: " + b"0" * 4400 + b"3\r\n\r\nabc", 400),
    "4,400 zeros before a length over the limit": (POST + b"Content-Length: " + b"0" * 4400 + b"99999999\r\n\r\n", 413),
    "the whole address as target": (b"GET http://x/ping?a HTTP/1.1\r\n" + CLOSE + b"\r\n", 200),
    "an asterisk as target": (b"OPTIONS * HTTP/1.1\r\n" + CLOSE + b"\r\n", 404),
}
"""400 of what is no picture says that the body was read."""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(artefact.small(), SAGEMAKER_MODEL_SERVER_WORKERS=1) as running:
        yield running


@pytest.mark.parametrize("name", ODD)
def test_odd_heads(server: Server, name: str) -> None:
    data, status = ODD[name]
    answer = server.raw(data)
    assert answer.startswith(b"HTTP/1.1 %d " % status), answer[:200]
    assert answer.count(b"HTTP/1.1 ") == 1 and not server.events("request_failed") and not server.events("unforeseen")


def test_expect_is_ignored_in_an_older_version(server: Server) -> None:
    answer = server.raw(POST.replace(b"/1.1", b"/1.0") + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc")
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n") and b"BadPicture" in answer and b"100 Continue" not in answer


def test_an_upgrade_is_ignored_and_what_follows_is_the_next_request(server: Server) -> None:
    ping = b"GET /ping HTTP/1.1\r\n"
    answer = server.raw(ping + UPGRADE + b"\r\n" + ping + CLOSE + b"\r\n")
    assert answer.count(b"HTTP/1.1 200 OK") == 2, answer
    answer = server.raw(b"POST /invocations HTTP/1.1\r\n" + UPGRADE + b"Content-Length: 3\r\n\r\nabc")
    assert answer.startswith(b"HTTP/1.1 501 ") and answer.count(b"HTTP/1.1 ") == 1, answer
    print(f"{len(ODD) + 3} odd heads: each answered as RFC 9110 and 9112 say, none with a traceback")
