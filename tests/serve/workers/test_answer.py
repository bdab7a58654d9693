"""What handlers return, as answers: every kind that is sent, and those that are told."""

from typing import Any

import numpy as np
import pytest

from serve.errors import RequestError
from serve.workers import answer as own_answer


@pytest.mark.parametrize(
    ("value", "body"),
    [
        (b"a", b"a"),
        (bytearray(b"a"), b"a"),
        (memoryview(b"a"), b"a"),
        ("ä", "ä".encode()),
        ({"a": [1]}, b'{"a": [1]}'),
        (3, b"3"),
        (b"", b""),
    ],
)
def test_bytes_text_and_json_are_sent(value: Any, body: bytes) -> None:
    assert own_answer.body_of(value, 100, "handle()") == body


@pytest.mark.parametrize("value", [None, (part for part in "ab"), np.zeros(2), object(), {1j: 2}])
def test_anything_else_is_told_by_its_type(value: Any) -> None:
    with pytest.raises(RequestError, match=r"^handle\(\) returned ") as caught:
        own_answer.body_of(value, 100, "handle()")
    assert caught.value.status == 500 and caught.value.code == "BadAnswer"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([b"a"], "a list, which JSON cannot hold: Object of type bytes is not JSON serializable"),
        ({"a": [np.zeros(2)]}, "a dict, which JSON cannot hold: Object of type ndarray is not"),
        ({b"a": 1}, "a dict, which JSON cannot hold: keys must be str, int, float, bool or None, not bytes"),
    ],
)
def test_what_json_cannot_hold_inside_an_answer_is_told(value: Any, words: str) -> None:
    with pytest.raises(RequestError) as caught:
        own_answer.body_of(value, 100, "handle()")
    assert words in caught.value.message and caught.value.message.endswith("; it has to return bytes, text or what JSON can hold")


def test_an_answer_has_a_limit() -> None:
    assert own_answer.body_of(b"a" * 100, 100, "handle()") == b"a" * 100
    with pytest.raises(RequestError, match="101 bytes") as caught:
        own_answer.body_of(b"a" * 101, 100, "handle()")
    assert caught.value.code == "AnswerTooLarge"


def test_statuses_types_and_headers_that_http_allows() -> None:
    set_by_handler = {"status": 201, "content_type": "a/b", "headers": {"X-Own": "1", "Content-Length": "9"}}
    assert own_answer.fields_of(set_by_handler) == {"status": 201, "content_type": "a/b", "headers": {"X-Own": "1"}}
    assert own_answer.sendable(204, b"a") == b"" and own_answer.sendable(200, b"a") == b"a"


@pytest.mark.parametrize(
    "changed",
    [
        {"status": 799},
        {"status": 100},
        {"status": "200"},
        {"content_type": "a\r\nSet-Cookie: b"},
        {"content_type": None},
        {"headers": {"a b": "c"}},
        {"headers": {"a": "b\r\nc: d"}},
        {"headers": {"a": "é\u2028"}},
    ],
)
def test_what_http_does_not_allow_is_told_and_never_taken_from_a_worker(changed: dict[str, Any]) -> None:
    answer = {"status": 200, "content_type": "a/b"} | changed
    with pytest.raises(RequestError):
        own_answer.fields_of(answer)
    assert not own_answer.is_answer(answer)
    assert own_answer.is_answer({"status": 200, "content_type": "a/b"})
