"""The clients of the serving program in a soak: good ones whose every answer is known, odd and hostile ones, one that pings."""

import base64
import contextlib
import csv
import http.client
import io
import json
import random
import socket
import struct
import threading
import time
from dataclasses import dataclass, field

from tests.soak.known_answers import KnownPicture
from tests.soak.tally import Tally
from tests.support.malformed_http import CORPUS
from tests.support.server import Server

PATIENCE = 60.0
"""Seconds for one answer, on a machine that does much else."""
ALL = 5
"""Classes of the small artefact, and of an answer that asks for no other number."""


@dataclass(slots=True)
class Excuses:
    """How many answers the harm done so far explains: each killed or frozen worker may cost the request that it had in hand."""

    left: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def give(self) -> None:
        with self.lock:
            self.left += 1

    def take(self) -> bool:
        with self.lock:
            self.left -= 1
            return self.left >= 0


@dataclass(slots=True)
class GoodClient:
    """Sends pictures in every form that is served, on a connection that stays open, and compares each answer."""

    server: Server
    pictures: list[KnownPicture]
    excuses: Excuses
    random: random.Random
    name: str = "good"
    _link: http.client.HTTPConnection | None = None

    def turn(self, tally: Tally) -> None:
        picture, count = self.random.choice(self.pictures), self.random.randint(1, ALL)
        body, headers = picture.body, {"Content-Type": picture.content_type}
        if self.random.random() < 0.3:
            asked = {"image": base64.b64encode(body).decode(), "top_k": count}
            body, headers = json.dumps(asked).encode(), {"Content-Type": "application/json"}
        elif self.random.random() < 0.5:
            headers["X-Amzn-SageMaker-Custom-Attributes"] = f"top_k={count}"
        else:
            count = ALL
        as_csv = self.random.random() < 0.3
        if as_csv:
            headers["Accept"] = "text/csv"
        try:
            status, answer = self._ask(body, headers)
        except Exception:
            self.close()
            raise
        if status == 200:
            found = _rows(answer) if as_csv else _predictions(answer)
            if picture.matches(found, count):
                tally.well(self.name)
            else:
                tally.fault(self.name, f"wanted the best {count} of {picture.ranked}, got {answer[:400]!r}")
        elif status in (500, 504) and json.loads(answer)["code"] in ("WorkerDied", "Timeout") and self.excuses.take():
            tally.excuse(f"{self.name}: {status}")
        else:
            tally.fault(self.name, f"{status} {answer[:300]!r}")

    def _ask(self, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        if self._link is None or self.random.random() < 0.02:
            self.close()
            self._link = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE)
        if self.random.random() < 0.3:
            pieces = [body[place : place + 7000] for place in range(0, len(body), 7000)]
            self._link.request("POST", "/invocations", iter(pieces), headers, encode_chunked=True)
        else:
            self._link.request("POST", "/invocations", body, headers)
        response = self._link.getresponse()
        return response.status, response.read()

    def close(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None


def _predictions(answer: bytes) -> list[tuple[str, str, float]]:
    return [(one["class"], one["label"], one["probability"]) for one in json.loads(answer)["predictions"]]


def _rows(answer: bytes) -> list[tuple[str, str, float]]:
    return [(name, shown, float(probability)) for name, shown, probability in csv.reader(io.StringIO(answer.decode()))]


@dataclass(slots=True)
class OddClient:
    """Well-formed requests that ask for what is not there, or bring what is no picture: each has its own status."""

    server: Server
    pictures: list[KnownPicture]
    bombs: dict[str, tuple[bytes, set[int]]]
    excuses: Excuses
    random: random.Random
    name: str = "odd"

    def turn(self, tally: Tally) -> None:
        what, wanted, status, answer = self._ask()
        if status in wanted:
            tally.well(self.name)
        elif status in (500, 504) and json.loads(answer)["code"] in ("WorkerDied", "Timeout") and self.excuses.take():
            tally.excuse(f"{self.name}: {status}")
        else:
            tally.fault(self.name, f"{what}: wanted {sorted(wanted)}, got {status} {answer[:300]!r}")
        time.sleep(0.02)

    def _ask(self) -> tuple[str, set[int], int, bytes]:
        body = self.random.choice(self.pictures).body
        if self.random.random() < 0.1:
            name = self.random.choice(sorted(self.bombs))
            bomb, wanted = self.bombs[name]
            found = self.server.invoke(bomb, "application/x-image", timeout=PATIENCE)
            return name, wanted, found.status, found.body
        cut = bytearray(body[: self.random.randrange(len(body))])
        for _ in range(self.random.randrange(4)):
            if cut:
                cut[self.random.randrange(len(cut))] = self.random.randrange(256)
        choices = [
            ("a damaged picture", {200, 400, 413}, "POST", "/invocations", bytes(cut), {"Content-Type": "image/jpeg"}),
            ("no picture", {400}, "POST", "/invocations", self.random.randbytes(500), {"Content-Type": "image/png"}),
            ("an empty body", {400}, "POST", "/invocations", b"", {"Content-Type": "image/png"}),
            ("a type that is not read", {415}, "POST", "/invocations", body, {"Content-Type": "application/x-npy"}),
            ("an answer that is not written", {406}, "POST", "/invocations", body, {"Accept": "image/png"}),
            ("attributes", {400}, "POST", "/invocations", body, {"X-Amzn-SageMaker-Custom-Attributes": "top_k=0"}),
            ("JSON", {400}, "POST", "/invocations", b'{"image": 1}', {"Content-Type": "application/json"}),
            ("over the limit", {413}, "POST", "/invocations", bytes((6 << 20) + 1), {"Content-Type": "image/png"}),
            ("another path", {404}, "GET", "/models", None, {}),
            ("another method", {405}, "GET", "/invocations", None, {}),
        ]
        what, wanted, method, path, content, headers = self.random.choice(choices)
        try:
            found = self.server.request(method, path, content, headers, timeout=PATIENCE)
        except (BrokenPipeError, ConnectionResetError):
            if what != "over the limit":
                raise
            return what, wanted, 413, b""  # refused before it was all sent, as HTTP allows
        return what, wanted, found.status, found.body


@dataclass(slots=True)
class HostileClient:
    """What is no HTTP, clients that leave in the middle, and clients that are slow. Never a 5xx, never two answers."""

    server: Server
    pictures: list[KnownPicture]
    random: random.Random
    name: str = "hostile"

    def turn(self, tally: Tally) -> None:
        self.random.choice([self._malformed, self._fuzzed, self._leave, self._dribble])(tally)
        time.sleep(0.02)

    def _malformed(self, tally: Tally) -> None:
        what = self.random.choice(sorted(CORPUS))
        answer = self.server.raw(CORPUS[what], timeout=PATIENCE)
        if answer.startswith(b"HTTP/1.1 400 ") and answer.count(b"HTTP/1.1 ") == 1:
            tally.well(self.name)
        else:
            tally.fault(self.name, f"{what}: {answer[:300]!r}")

    def _fuzzed(self, tally: Tally) -> None:
        data = bytearray(CORPUS[self.random.choice(sorted(CORPUS))][:2000])
        for _ in range(self.random.randint(1, 6)):
            place = self.random.randrange(len(data))
            data[place : place + self.random.randrange(3)] = self.random.randbytes(self.random.randrange(4))
        received = b""
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.server.port), timeout=0.3) as link:
            link.sendall(data)
            while piece := link.recv(65536):
                received += piece
        statuses = [int(part[:3]) for part in received.split(b"HTTP/1.1 ")[1:]]
        if all(status < 500 for status in statuses):
            tally.well(self.name)
        else:
            tally.fault(self.name, f"{bytes(data)!r} was answered {statuses}")

    def _leave(self, tally: Tally) -> None:
        body = self.random.choice(self.pictures).body
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.server.port), timeout=5) as link:
            if self.random.random() < 0.5:  # a reset instead of a polite end
                link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            link.sendall(_head(len(body)) + body[: self.random.randrange(len(body) + 1)])
        tally.well("left")

    def _dribble(self, tally: Tally) -> None:
        """Slow, and right all the same."""
        picture = self.random.choice(self.pictures)
        data = _head(len(picture.body)) + picture.body
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.server.port), timeout=PATIENCE) as link:
            for place in range(0, 200, 20):
                link.sendall(data[place : place + 20])
                time.sleep(0.02)
            link.sendall(data[200:])
            answer = link.recv(65536)
            if answer.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 500 ", b"HTTP/1.1 504 ")):
                tally.well(self.name)
            else:
                tally.fault(self.name, f"a slow request was answered {answer[:300]!r}")


def _head(length: int) -> bytes:
    return b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % length


@dataclass(slots=True)
class Pinger:
    """/ping is 200 as long as one worker lives, and one always does."""

    server: Server
    name: str = "ping"

    def turn(self, tally: Tally) -> None:
        answer = self.server.ping(PATIENCE)
        if answer.status == 200:
            tally.well(self.name)
        else:
            tally.fault(self.name, f"{answer.status} {answer.body[:300]!r}")
        time.sleep(0.1)
