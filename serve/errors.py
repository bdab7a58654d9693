"""The errors of the serving program: those that end it, and those that answer one request. Never both in one class."""

import json
from http import HTTPStatus


class ServeError(Exception):
    """The program cannot serve; the message is one line meant for whoever started it."""


class ConfigError(ServeError):
    """The environment asks for something impossible; the message lists every problem found."""


class EngineError(ServeError):
    """The model cannot be loaded or does not fit its manifest; the message names the file."""


class RequestError(Exception):
    """One request that is answered with an error.

    `status`: HTTP status. `code`: a fixed name a client can compare. `message`: what is wrong and what would be right; it
    holds no path, no traceback and nothing of what was sent. `retry_after`: seconds for the Retry-After header.
    """

    def __init__(self, status: int, code: str, message: str, *, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status = HTTPStatus(status)
        self.code = code
        self.message = message
        self.retry_after = retry_after

    def body(self, request_id: str) -> bytes:
        """The answer's body: ASCII JSON with code, message and request_id."""
        return json.dumps({"code": self.code, "message": self.message, "request_id": request_id}).encode("ascii")
