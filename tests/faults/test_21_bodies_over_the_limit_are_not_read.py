"""Row 21: a body over the limit, however it is announced, is refused without being read into memory."""

import contextlib
import gzip
import socket
import time
from collections.abc import Iterator

import pytest

from tests.support import artefact
from tests.support.server import Server

LIMIT = 6_291_456
POST = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\n"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(artefact.small(), SAGEMAKER_MODEL_SERVER_WORKERS=1) as running:
        yield running


def test_a_declared_length_over_the_limit_is_answered_at_once(server: Server) -> None:
    start = time.monotonic()
    answer = server.raw(POST + b"Content-Length: %d\r\n\r\n" % (LIMIT + 1))
    seconds = time.monotonic() - start
    print(f"413 after {seconds * 1000:.0f} ms, before a byte of the body")
    assert answer.startswith(b"HTTP/1.1 413 ") and b"Connection: close" in answer and b"6,291,456" in answer


def test_a_client_that_sends_it_all_first_still_reads_the_413(server: Server) -> None:
    before = server.rss()
    answer = server.invoke(b"\0" * (5 * LIMIT))
    growth = server.rss() - before
    print(f"{5 * LIMIT:,} bytes: {answer.status}, frontend {growth / 2**20:+.1f} MiB")
    assert answer.status == 413 and answer.json()["code"] == "PayloadTooLarge"
    assert growth < 16 << 20


def test_exactly_the_limit_is_read(server: Server) -> None:
    assert server.invoke(b"\0" * LIMIT).status == 400  # read, and found to be no picture


def test_an_endless_chunked_body_is_cut_off(server: Server) -> None:
    before, start, sent = server.rss(), time.monotonic(), 0
    piece = b"10000\r\n" + b"\0" * 65536 + b"\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=15) as link:
        link.sendall(POST + b"Transfer-Encoding: chunked\r\n\r\n")
        answer = b""
        try:
            while sent < 1 << 30:
                link.sendall(piece)
                sent += len(piece)
        except OSError:
            pass
        with contextlib.suppress(OSError):
            answer = link.recv(4096)
    growth = server.rss() - before
    print(f"cut off after {sent / 2**20:.0f} MiB in {time.monotonic() - start:.1f} s, frontend {growth / 2**20:+.1f} MiB")
    assert answer.startswith(b"HTTP/1.1 413 ") and sent < 200 << 20 and growth < 16 << 20


def test_a_million_one_byte_chunks_are_cut_off(server: Server) -> None:
    before, start = server.rss(), time.monotonic()
    answer = server.raw(POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\n\0\r\n" * 1_000_000 + b"0\r\n\r\n")
    growth = server.rss() - before
    print(f"{answer[:12].decode()} after {time.monotonic() - start:.1f} s, frontend {growth / 2**20:+.1f} MiB")
    assert answer.startswith(b"HTTP/1.1 413 ") and b"TooManyChunks" in answer and growth < 16 << 20
    assert server.ping().status == 200


def test_a_gzip_bomb_is_not_unpacked(server: Server) -> None:
    answer = server.invoke(gzip.compress(b"\0" * (100 << 20)), Content_Encoding="gzip")
    assert answer.status == 415 and answer.json()["code"] == "UnsupportedContentEncoding"


def test_a_missing_length_is_an_empty_body(server: Server) -> None:
    answer = server.raw(POST + b"Connection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ") and b"EmptyBody" in answer


def test_a_length_that_lies_is_never_two_good_answers(server: Server) -> None:
    answer = server.raw(POST + b"Content-Length: 4\r\n\r\nabcdefgh")
    assert answer.startswith(b"HTTP/1.1 400 ") and b"HTTP/1.1 200" not in answer
    with socket.create_connection(("127.0.0.1", server.port), timeout=15) as link:
        link.sendall(POST + b"Content-Length: 400\r\n\r\nabc")
        link.shutdown(socket.SHUT_WR)
        assert b" 200 " not in link.recv(4096)


def test_the_worker_saw_none_of_it(server: Server) -> None:
    assert len(server.workers()) == 1 and not server.events("worker_gone")
