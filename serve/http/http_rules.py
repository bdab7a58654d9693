"""What HTTP/1.1 asks of a request's head beyond its grammar, which the parser knows (RFC 9110 and 9112). No routes, no bodies."""

import re
from collections.abc import Mapping

from serve.errors import RequestError

SINGLE = frozenset({"content-length", "transfer-encoding", "host", "content-type", "expect"})
"""Headers that must not come twice."""


def check(version: str, method: str, headers: Mapping[str, str]) -> None:
    """`headers`: names in lower case. Raises RequestError 400, 417 or 501."""
    if version not in ("1.0", "1.1"):
        raise RequestError(400, "BadRequest", "only versions 1.0 and 1.1 of HTTP are spoken here")
    if version == "1.1" and "host" not in headers:
        raise RequestError(400, "BadRequest", "the Host header is missing")
    if method == "CONNECT":
        raise RequestError(501, "NotImplemented", "this is no proxy; CONNECT is not implemented")
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    if has_body and "upgrade" in headers and "upgrade" in headers.get("connection", "").lower():
        # Without a body it is ignored; the parser takes what follows the head for the other protocol's.
        raise RequestError(501, "NotImplemented", "no other protocol is spoken here; send the body without Upgrade")
    if "transfer-encoding" in headers:
        _check_codings(version, headers)
    if version == "1.1" and headers.get("expect", "100-continue").strip().lower() != "100-continue":
        raise RequestError(417, "ExpectationFailed", "Expect can only be 100-continue")


def path(target: str) -> str:
    """The path of a request's target, in origin form (/ping?x=1) or in absolute form (http://host/ping), without its query."""
    return re.sub(r"^https?://[^/?]*", "", target, flags=re.IGNORECASE).split("?", 1)[0]


def _check_codings(version: str, headers: Mapping[str, str]) -> None:
    if "content-length" in headers:
        raise RequestError(400, "BadRequest", "Content-Length and Transfer-Encoding came together")
    codings = [coding.strip().lower() for coding in headers["transfer-encoding"].split(",")]
    if version == "1.0" or codings[-1] != "chunked" or "chunked" in codings[:-1]:
        raise RequestError(
            400, "BadRequest", "the end of this body is not known: its last and only chunked coding must be the last one"
        )
    if len(codings) > 1:
        raise RequestError(501, "NotImplemented", "the only transfer coding read here is chunked")
