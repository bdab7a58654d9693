"""A client's request on its way: what the worker gets of it, and what is written down of a failure."""

import pytest

from serve.errors import RequestError
from serve.http.exchange import Exchange
from serve.invocation import Invocation


class Client:
    """A connection that remembers what was sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, bytes, str]] = []

    def send(self, exchange: Exchange, status: int, content_type: str | None, body: bytes, headers: str) -> None:
        self.sent.append((status, body, headers))


def test_a_worker_gets_the_chosen_headers_and_the_client_the_answer() -> None:
    client = Client()
    exchange = Exchange(client, request_id="7", body=bytearray(b"dog"))
    invocation = Invocation(exchange, {"Accept": "text/csv"})
    assert invocation.part() == ({"id": "7", "Accept": "text/csv"}, bytearray(b"dog"))
    invocation.succeed(200, "text/csv", b"yes", {"X-Own": "1"})
    invocation.fail(RequestError(503, "Overloaded", "later", retry_after=2))
    assert client.sent[0] == (200, b"yes", "X-Own: 1\r\n")
    assert client.sent[1][0] == 503 and client.sent[1][2] == "Retry-After: 2\r\n"


def test_a_packed_body_is_refused() -> None:
    Invocation(Exchange(Client(), headers={"content-encoding": " Identity"}), {})
    with pytest.raises(RequestError) as caught:
        Invocation(Exchange(Client(), headers={"content-encoding": "gzip"}), {})
    assert caught.value.status == 415
