"""However the bytes of a connection are cut, its answers are the same; none is a 5xx, and what follows a 400 is not answered."""

import asyncio
from itertools import pairwise
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from serve.config import Config
from serve.frontend import Frontend
from serve.http.client_connection import ClientConnection
from serve.http.exchange import Exchange
from tests.support.fuzzing import bounded, fuzzed, mutated
from tests.support.malformed_http import CORPUS, POST

CONFIG = Config(model=Path("/nowhere"), body_limit=1000)
GOOD = [
    POST + b"Content-Length: 5\r\n\r\nhello",
    POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n" * 3,
    POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\nab" + b"GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"GET /ping HTTP/1.0\r\n\r\n",
    b"POST /invocations HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: upgrade\r\nContent-Length: 2\r\n\r\nab",
]
SAMPLES = [*GOOD, *(data[:3000] for data in CORPUS.values())]


class Wire(asyncio.Transport):
    """A transport that keeps what is written and sends nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written += bytes(data)

    def writelines(self, pieces: object) -> None:
        self.written += b"".join(pieces)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def write_eof(self) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0


class Front(Frontend):
    """The real front, whose answers to a picture come at once: its length."""

    def handle(self, exchange: Exchange) -> None:
        exchange.answer(200, "text/plain", b"%d" % len(exchange.body))


def answers(pieces: list[bytes]) -> list[bytes]:
    """What a connection answers to bytes that come in these pieces: status line and body of each answer."""

    async def run() -> bytes:
        service, wire = Front(CONFIG, lambda line: None), Wire()
        connection = ClientConnection(service)
        connection.connection_made(wire)
        for piece in pieces:
            if not wire.closed:
                connection.data_received(piece)
            for _ in range(4):  # what was put off to another turn of the loop
                await asyncio.sleep(0)
        connection.connection_lost(None)
        assert service._held == 0 and not service.connections
        return wire.written

    found = []
    for part in asyncio.run(run()).split(b"HTTP/1.1 ")[1:]:
        head, _, body = part.partition(b"\r\n\r\n")
        if head.startswith(b"100"):
            continue  # left out where the body is there already
        found.append(head.partition(b"\r\n")[0] + b" " + (body if head.startswith(b"200") else b""))
    return found


def cut(data: bytes, places: list[int]) -> list[bytes]:
    marks = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in pairwise(marks)]


@fuzzed(150)
@given(st.lists(mutated(SAMPLES, changes=3), min_size=1, max_size=3).map(b"".join), st.lists(st.integers(0, 6000), max_size=12))
@example(b"".join(GOOD), list(range(0, 2000, 7)))
def test_bytes_in_any_pieces_have_the_same_answers(data: bytes, places: list[int]) -> None:
    whole = bounded(lambda: answers([data]))
    assert bounded(lambda: answers(cut(data, places))) == whole
    statuses = [int(answer[:3]) for answer in whole]
    assert all(status < 500 or status == 501 for status in statuses), whole
    assert 400 not in statuses[:-1], whole


@fuzzed(15)
@given(mutated(SAMPLES, changes=3))
def test_bytes_one_by_one_have_the_same_answers(data: bytes) -> None:
    assert answers([bytes([byte]) for byte in data]) == answers([data])
