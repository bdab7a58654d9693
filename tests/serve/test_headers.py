"""Content types, Accept and custom attributes: what is taken, what is chosen, what is refused with which words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve import headers
from serve.errors import RequestError

JSON, CSV = "application/json", "text/csv"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("image/jpeg", "image/jpeg"),
        (" Image/JPEG ; quality=1", "image/jpeg"),
        ("application/json;charset=utf-8", JSON),
        ("application/x-image", "application/x-image"),
        (None, "application/octet-stream"),
        ("", "application/octet-stream"),
    ],
)
def test_content_types_that_are_read(header: str | None, expected: str) -> None:
    assert headers.content_type(header) == expected


@pytest.mark.parametrize(
    "header", ["text/html", "image/svg+xml", "multipart/form-data; boundary=a", "image/*", "jpeg", ";image/jpeg"]
)
def test_content_types_that_are_not(header: str) -> None:
    with pytest.raises(RequestError) as caught:
        headers.content_type(header)
    assert caught.value.status == 415 and "image/webp" in caught.value.message


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("text/*", CSV),
        ("text/csv", CSV),
        ("TEXT/CSV; charset=utf-8", CSV),
        ("text/csv;q=0.5, application/json;q=0.4", CSV),
        ("text/csv;q=0.4, application/json;q=0.5", JSON),
        ("text/html, */*;q=0.1", JSON),
        ("application/json;q=0, */*", CSV),
        ("text/csv, application/json", JSON),
    ],
)
def test_the_answer_that_is_chosen(header: str | None, expected: str) -> None:
    assert headers.accept(header, JSON) == expected


def test_the_default_wins_where_the_choice_is_left() -> None:
    assert headers.accept("*/*", CSV) == CSV
    assert headers.accept("application/json", CSV) == JSON


@pytest.mark.parametrize("header", ["text/html", "image/*", "application/json;q=0", "*/*;q=0", "application/json;q=x"])
def test_an_accept_that_nothing_fits(header: str) -> None:
    with pytest.raises(RequestError) as caught:
        headers.accept(header, JSON)
    assert caught.value.status == 406 and CSV in caught.value.message


def test_top_k_is_the_only_attribute() -> None:
    assert headers.top_k(None) is None
    assert headers.top_k("top_k=3") == 3
    for attributes in ("top_k=0", "top_k=1001", "top_k=-1", "top_k=3;x=1", "k=3", "top_k=٣", "top_k=3\n4", "x" * 2000):
        with pytest.raises(RequestError) as caught:
            headers.top_k(attributes)
        assert caught.value.status == 400


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_no_header_does_anything_but_answer_or_refuse(content_type: str, accept: str, attributes: str) -> None:
    for read in (
        lambda: headers.content_type(content_type),
        lambda: headers.accept(accept, JSON),
        lambda: headers.top_k(attributes),
    ):
        try:
            read()
        except RequestError as error:
            assert error.message.isascii()
