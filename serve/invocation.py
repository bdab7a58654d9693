"""A client's request to a model, from the exchange it came with to the workers and back. It knows no path and no model."""

from collections.abc import Mapping

from serve import log
from serve.errors import RequestError
from serve.http.exchange import Exchange

_INFERENCE_ID = "x-amzn-sagemaker-inference-id"


class Invocation:
    """One prediction on its way through the dispatcher."""

    def __init__(self, exchange: Exchange, fields: Mapping[str, str]) -> None:
        """`fields`: the headers that the handler gets. Raises RequestError for a body that would have to be unpacked."""
        if exchange.headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise RequestError(415, "UnsupportedContentEncoding", "Content-Encoding must be identity; send it unpacked")
        self._exchange = exchange
        self._fields = fields
        self.deadline = float("inf")

    def part(self) -> tuple[dict[str, str], bytearray]:
        return {"id": self._exchange.request_id, **self._fields}, self._exchange.body

    def succeed(self, status: int, content_type: str, body: bytes, headers: Mapping[str, str]) -> None:
        if status >= 400:
            self._log(status)
        lines = "".join(f"{key}: {value}\r\n" for key, value in headers.items())
        self._exchange.answer(status, content_type, body, headers=lines)

    def fail(self, error: RequestError) -> None:
        self._log(error.status)
        self._exchange.refuse(error)

    def _log(self, status: int) -> None:
        inference_id = self._exchange.headers.get(_INFERENCE_ID)
        more = {"inference_id": inference_id} if inference_id else {}
        level = "error" if status >= 500 else "warning"
        log.event("invocation_failed", level, status=int(status), request_id=self._exchange.request_id, **more)
