"""Heads that the grammar allows and HTTP does not, and those that are allowed though few send them."""

import pytest

from serve.errors import RequestError
from serve.http import http_rules

CHUNKED = {"transfer-encoding": "chunked"}


@pytest.mark.parametrize(
    ("version", "method", "headers", "status"),
    [
        ("1.1", "GET", {}, 400),
        ("2.0", "GET", {"host": "x"}, 400),
        ("1.1", "CONNECT", {"host": "x"}, 501),
        ("1.1", "POST", {"host": "x", "expect": "200-maybe"}, 417),
        ("1.1", "POST", {"host": "x", "transfer-encoding": "gzip, chunked"}, 501),
        ("1.1", "POST", {"host": "x", "transfer-encoding": "gzip"}, 400),
        ("1.1", "POST", {"host": "x", "transfer-encoding": "chunked, gzip"}, 400),
        ("1.1", "POST", {"host": "x", "transfer-encoding": "chunked, chunked"}, 400),
        ("1.1", "POST", {"host": "x", "content-length": "5", **CHUNKED}, 400),
        ("1.0", "POST", CHUNKED, 400),
        ("1.1", "POST", {"host": "x", "upgrade": "h2c", "connection": "Upgrade, HTTP2-Settings", "content-length": "1"}, 501),
        ("1.1", "POST", {"host": "x", "upgrade": "h2c", "connection": "upgrade", **CHUNKED}, 501),
    ],
)
def test_what_is_refused(version: str, method: str, headers: dict[str, str], status: int) -> None:
    with pytest.raises(RequestError) as caught:
        http_rules.check(version, method, headers)
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("version", "headers"),
    [
        ("1.0", {}),
        ("1.0", {"expect": "anything"}),
        ("1.1", {"host": ""}),
        ("1.1", {"host": "x", "expect": "100-Continue"}),
        ("1.1", {"host": "x", "upgrade": "websocket", "connection": "Upgrade"}),
        ("1.1", {"host": "x", "upgrade": "websocket", "connection": "upgrade", "content-length": "0"}),
        ("1.1", {"host": "x", "upgrade": "websocket", "content-length": "5"}),
        ("1.1", {"host": "x", "transfer-encoding": "Chunked"}),
    ],
)
def test_what_is_allowed(version: str, headers: dict[str, str]) -> None:
    http_rules.check(version, "POST", headers)


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/ping", "/ping"),
        ("/ping?a=b", "/ping"),
        ("http://host:80/ping?a", "/ping"),
        ("HTTPS://host", ""),
        ("http://host?x=/ping", ""),
        ("*", "*"),
        ("//ping", "//ping"),
    ],
)
def test_the_path_of_a_target(target: str, path: str) -> None:
    assert http_rules.path(target) == path
