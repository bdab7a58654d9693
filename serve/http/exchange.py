"""One request of a client and its answer, from first byte to last. It reads and writes nothing."""

import secrets
from dataclasses import dataclass, field
from typing import Protocol

from serve.errors import RequestError
from serve.workers.connection import PendingRequest


class Sender(Protocol):
    """The connection that an answer goes to."""

    def send(self, exchange: "Exchange", status: int, content_type: str | None, body: bytes, headers: str) -> None: ...


@dataclass(slots=True, eq=False)
class Exchange:
    """`headers`: lower case; `error`: of a request that is refused as it stands."""

    connection: Sender
    request_id: str = field(default_factory=lambda: secrets.token_hex(8))
    method: str = ""
    target: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    keep_alive: bool = False
    error: RequestError | None = None
    pending: PendingRequest | None = None
    """What the service made of it, where it is on its way to a worker."""

    def answer(self, status: int, content_type: str | None = None, body: bytes = b"", *, headers: str = "") -> None:
        """Send the answer; without effect when the client has gone. `headers`: whole lines, each with its line end."""
        self.connection.send(self, status, content_type, body, headers)

    def refuse(self, error: RequestError) -> None:
        headers = f"Retry-After: {error.retry_after}\r\n" if error.retry_after is not None else ""
        self.answer(error.status, "application/json", error.body(self.request_id), headers=headers)
