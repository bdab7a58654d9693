"""What a person's own handler is handed beside its data: the context of multi-model-server and TorchServe, whole.

Beside headers and places for answers it has the model's manifest and name, and the older way to a request's headers. Names of
headers are compared without case, as HTTP does.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from serve.context import Context

MODEL_NAME = "model"


class RequestProcessor:
    """One request's headers, as handlers of multi-model-server read them."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    def get_request_properties(self) -> dict[str, str]:
        return dict(self._headers)

    def get_request_property(self, key: str) -> str | None:
        return next((value for name, value in self._headers.items() if name.lower() == key.lower()), None)


class OwnContext(Context):
    """The context of one batch after the other: a handler may keep what it was given when it was loaded."""

    def __init__(self, properties: Mapping[str, Any], requests: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(properties, requests)
        self.manifest: Mapping[str, Any] = properties.get("manifest") or {}
        self.model_name = MODEL_NAME
        self.metrics = None
        self.begin(requests)

    def begin(self, requests: Sequence[Mapping[str, Any]]) -> None:
        """Turns to other requests."""
        super().__init__(self.system_properties, requests)
        self.request_ids = {index: request["id"] for index, request in enumerate(requests)}
        self.request_processor = [
            RequestProcessor({key: value for key, value in request.items() if key not in ("id", "size")}) for request in requests
        ]

    def get_request_header(self, idx: int, key: str) -> str | None:
        return self.request_processor[idx].get_request_property(key)

    def get_all_request_header(self, idx: int) -> dict[str, str]:
        return self.request_processor[idx].get_request_properties()

    def get_response_content_type(self, idx: int) -> str | None:
        return self.answers[idx]["content_type"]

    def set_response_header(self, idx: int, key: str, value: str) -> None:
        self.answers[idx].setdefault("headers", {})[key] = value

    def set_all_response_status(self, code: int = 200, phrase: str = "") -> None:
        for index in range(len(self.answers)):
            self.set_response_status(code, phrase, index)
