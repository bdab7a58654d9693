"""The client: ready means 200, refusals come in the endpoint's own words, a dead connection is not used again."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scripts.client import Client
from scripts.errors import RunError

ANSWER = {"predictions": [{"class": "016.Beagle", "label": "Beagle", "probability": 0.9}]}


class Endpoint(BaseHTTPRequestHandler):
    """Not ready for two pings; refuses anything that is not a JPEG by its content type."""

    protocol_version = "HTTP/1.1"
    pings = 0

    def reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        type(self).pings += 1
        self.reply(200 if self.pings > 2 else 503, b"")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        jpeg = self.headers["Content-Type"] == "image/jpeg"
        self.reply(200 if jpeg else 415, json.dumps(ANSWER if jpeg else {"code": "UnsupportedMediaType"}).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture()
def port() -> Iterator[int]:
    Endpoint.pings = 0
    with ThreadingHTTPServer(("127.0.0.1", 0), Endpoint) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_ready_then_asked_in_order(port: int, tmp_path: Path) -> None:
    client = Client(port)
    client.wait_until_ready(lambda: True, seconds=10)
    pictures = [tmp_path / f"{number}.jpg" for number in range(9)]
    for picture in pictures:
        picture.write_bytes(b"jpeg")
    answers = list(client.ask_all(pictures))
    assert [answer.picture for answer in answers] == pictures
    assert answers[0].best["label"] == "Beagle" and answers[0].seconds > 0


def test_a_refusal_is_told(port: int, tmp_path: Path) -> None:
    (tmp_path / "a.gif").write_bytes(b"gif")
    with pytest.raises(RunError, match=r"415 .*UnsupportedMediaType"):
        Client(port).ask(tmp_path / "a.gif")


def test_a_program_that_ends_is_not_waited_for(free_port: int) -> None:
    with pytest.raises(RunError, match="ended before"):
        Client(free_port).wait_until_ready(lambda: False, seconds=60)
    with pytest.raises(RunError, match="not ready after"):
        Client(free_port).wait_until_ready(lambda: True, seconds=0.2)
