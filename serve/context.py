"""What the TorchServe convention hands a handler beside its data: settings, requests' headers, and places for the answers'."""

from collections.abc import Mapping, Sequence
from typing import Any

from sagemaker_inference.content_types import JSON


class Context:
    """Of one batch, or of none while the model is loaded. Requests are told apart by their index in the batch."""

    def __init__(self, properties: Mapping[str, Any], requests: Sequence[Mapping[str, Any]] = ()) -> None:
        """`requests`: the `id` of each, and its headers by their names."""
        self.system_properties = properties
        self._requests = requests
        self.answers: list[dict[str, Any]] = [{"status": 200, "content_type": JSON} for _ in requests]

    def request(self, idx: int) -> Mapping[str, Any]:
        """The `id` of one request, and its headers by their names."""
        return self._requests[idx]

    def get_request_id(self, idx: int = 0) -> str:
        return self._requests[idx]["id"]

    def get_request_header(self, idx: int, key: str) -> str | None:
        return self._requests[idx].get(key)

    def set_response_status(self, code: int = 200, phrase: str = "", idx: int = 0) -> None:
        self.answers[idx]["status"] = code

    def set_response_content_type(self, idx: int, value: str) -> None:
        self.answers[idx]["content_type"] = value
