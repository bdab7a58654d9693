"""The JSON body: honest ones are read, hostile ones are refused at once."""

import base64
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve.classifier import json_body
from serve.errors import RequestError


@given(st.binary(max_size=200), st.none() | st.integers(1, 1000))
def test_what_is_written_is_read(picture: bytes, top_k: int | None) -> None:
    body = {"image": base64.b64encode(picture).decode()} | ({"top_k": top_k} if top_k else {})
    assert json_body.read(json.dumps(body).encode()) == (picture, top_k)


@given(st.binary(max_size=300) | st.text(max_size=100).map(lambda text: ('{"image": "' + text + '"}').encode("utf-8", "replace")))
def test_any_bytes_are_read_or_refused_with_400(body: bytes) -> None:
    try:
        json_body.read(body)
    except RequestError as error:
        assert error.status == 400 and error.message.isascii()


@pytest.mark.parametrize("body", [b"[" * 6_000_000, b'{"image":' * 700_000, b"1," * 3_000_000, b'{"top_k":' + b"1" * 6_000_000])
def test_hostile_bodies_are_refused_fast(body: bytes) -> None:
    start = time.monotonic()
    with pytest.raises(RequestError):
        json_body.read(body)
    assert time.monotonic() - start < 5, "what grows with the square takes minutes"


def test_as_many_commas_and_brackets_as_the_limit_are_parsed_and_one_more_is_not() -> None:
    """What is parsed has another fault, which is then what is told."""
    for count, words in ((14, "must be an object"), (15, "too many parts")):
        with pytest.raises(RequestError, match=words):
            json_body.read(json.dumps({"image": "", "more": [0] * count}).encode())
