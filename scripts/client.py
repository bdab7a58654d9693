"""Asking a running serve program: /ping and /invocations over plain HTTP, as SageMaker's router does."""

import http.client
import json
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import local

from scripts.errors import RunError

CONTENT_TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the endpoint says of one picture: the best class first. `seconds`: from sending to the whole answer."""

    picture: Path
    predictions: list[dict]
    seconds: float

    @property
    def best(self) -> dict:
        return self.predictions[0]


class Client:
    """One endpoint on loopback. Threads may share it: each has a connection of its own."""

    def __init__(self, port: int, timeout: float = 60.0) -> None:
        self._port, self._timeout, self._own = port, timeout, local()

    def wait_until_ready(self, alive: Callable[[], bool], seconds: float = 240.0) -> float:
        """Poll /ping until it says 200; returns the seconds it took. Raises RunError when the program ends before."""
        start = time.monotonic()
        while time.monotonic() - start < seconds:
            if not alive():
                raise RunError("serve: ended before it was ready")
            try:
                if self._request("GET", "/ping")[0] == 200:
                    return time.monotonic() - start
            except OSError:
                pass
            time.sleep(0.05)
        raise RunError(f"serve: not ready after {seconds:.0f} s")

    def ask(self, picture: Path) -> Answer:
        """Raises RunError with the endpoint's own words when it refuses the picture."""
        kind = CONTENT_TYPES.get(picture.suffix.lower(), "application/x-image")
        start = time.perf_counter()
        status, body = self._request("POST", "/invocations", picture.read_bytes(), {"Content-Type": kind})
        seconds = time.perf_counter() - start
        if status != 200:
            raise RunError(f"{picture}: {status} {body.decode('utf-8', 'replace')[:300]}")
        return Answer(picture, json.loads(body)["predictions"], seconds)

    def ask_all(self, pictures: Iterable[Path], connections: int = 4) -> Iterator[Answer]:
        """The answers in the order of the pictures, over a few connections at once."""
        with ThreadPoolExecutor(connections) as pool:
            yield from pool.map(self.ask, pictures)

    def _request(self, method: str, path: str, body: bytes | None = None, headers: dict | None = None) -> tuple[int, bytes]:
        connection = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=self._timeout)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            self._own.connection = None
            raise error if isinstance(error, OSError) else ConnectionError(str(error)) from None
