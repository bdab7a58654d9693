"""The JSON form of a request body: {"image": "<base64 of a JPEG, PNG or WebP>", "top_k": 3}, `top_k` optional.

Strict on purpose: one name twice, an unknown name, NaN, bytes that are not UTF-8 or Base64 with a stray letter are all refused
with 400, and refused early, so a hostile body costs milliseconds.
"""

import base64
import binascii
import json
from typing import Any

from serve.errors import RequestError
from serve.headers import checked_top_k

_STRUCTURE_LIMIT = 16
"""Commas and brackets at most. Base64 holds none, so an honest body has three or so; a deep or a long one is never parsed."""


def read(body: bytes) -> tuple[bytes, int | None]:
    """The picture's bytes and top_k, None where it is not given. Raises RequestError 400."""
    if sum(body.count(mark) for mark in (b",", b"[", b"{")) > _STRUCTURE_LIMIT:
        raise _bad('the body must be {"image": "<base64>"} and, if wanted, "top_k"; this one has too many parts')
    try:
        value = json.loads(body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise _bad("the body is not JSON in UTF-8 with every name once") from None
    if not isinstance(value, dict) or not isinstance(value.get("image"), str) or set(value) - {"image", "top_k"}:
        raise _bad('the body must be an object with "image", the picture in Base64, and nothing else but "top_k"')
    wanted = checked_top_k(value["top_k"]) if "top_k" in value else None
    try:
        return base64.b64decode(value["image"], validate=True), wanted
    except (binascii.Error, ValueError):
        raise _bad('"image" is not standard Base64 with padding') from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a name comes twice")
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _bad(message: str) -> RequestError:
    return RequestError(400, "BadJson", message)
