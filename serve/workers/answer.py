"""What a person's handler returned, as an answer that can be sent: bytes, a status and headers that HTTP allows."""

import json
import re
from http import HTTPStatus
from typing import Any

from contract.reason import first_line
from serve.errors import RequestError

_WORD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_VALUE = re.compile(r"[\x20-\x7e\xa0-\xff]{0,1024}")
_FRAMING = {"content-length", "transfer-encoding", "connection", "content-type", "x-request-id", "upgrade", "te", "trailer"}
"""Headers that are this program's to set."""
_WITHOUT_BODY = (204, 205, 304)
STATUSES = frozenset(status.value for status in HTTPStatus if status >= 200)


def body_of(value: Any, limit: int, told: str) -> bytes:
    """The bytes of what a handler returned: bytes as they are, text as UTF-8, anything else as JSON.

    `told`: what returned it, for messages. Raises RequestError 500 for what is no answer, and over `limit` bytes.
    """
    if value is None:
        raise RequestError(500, "BadAnswer", f"{told} returned None; it has to return bytes, text or what JSON can hold")
    if isinstance(value, bytes | bytearray | memoryview):
        body = bytes(value)
    elif isinstance(value, str):
        body = value.encode("utf-8", "replace")
    else:
        try:
            body = json.dumps(value).encode("ascii")
        except (TypeError, ValueError, RecursionError) as error:
            why = f"which JSON cannot hold: {first_line(error, 100)}"
            message = f"{told} returned a {type(value).__name__}, {why}; it has to return bytes, text or what JSON can hold"
            raise RequestError(500, "BadAnswer", message) from None
    if len(body) > limit:
        raise RequestError(500, "AnswerTooLarge", f"{told} returned {len(body):,} bytes; the most that is sent is {limit:,}")
    return body


def fields_of(answer: dict[str, Any]) -> dict[str, Any]:
    """What a handler set of its answer. Raises RequestError 500 for what HTTP does not allow."""
    status, content_type = answer["status"], answer["content_type"]
    if not isinstance(status, int) or int(status) not in STATUSES:
        raise RequestError(500, "BadAnswer", f"the handler set the status {str(status)[:40]!r}, which is none of HTTP's")
    if not isinstance(content_type, str) or not _VALUE.fullmatch(content_type):
        raise RequestError(500, "BadAnswer", "the handler set a content type that is no header value")
    headers = {str(key): str(value) for key, value in answer.get("headers", {}).items()}
    for key, value in headers.items():
        if not _WORD.fullmatch(key) or not _VALUE.fullmatch(value):
            raise RequestError(500, "BadAnswer", "the handler set a header that HTTP does not allow")
    kept = {key: value for key, value in headers.items() if key.lower() not in _FRAMING}
    return {"status": int(status), "content_type": content_type} | ({"headers": kept} if kept else {})


def sendable(status: int, body: bytes) -> bytes:
    """The body, empty for a status that has none."""
    return b"" if status in _WITHOUT_BODY else body


def is_answer(fields: Any) -> bool:
    """Whether what came from a worker can be written as an answer's head; the code in it may have written anything."""
    headers = fields.get("headers", {})
    return (
        fields.get("status") in STATUSES
        and isinstance(content_type := fields.get("content_type"), str)
        and bool(_VALUE.fullmatch(content_type))
        and isinstance(headers, dict)
        and all(_WORD.fullmatch(key) and _VALUE.fullmatch(str(value)) for key, value in headers.items())
    )
