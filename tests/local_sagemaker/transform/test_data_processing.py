"""Filters and joins of records, without a container. Of local_sagemaker.transform.data_processing."""

import contextlib
import json
from typing import Any

import pytest

from local_sagemaker.transform.data_processing import BadRecord, DataProcessing


def processing(kind: str, split: str = "Line", **asked: str) -> DataProcessing:
    request: dict[str, Any] = {
        "TransformInput": {"ContentType": kind, "SplitType": split},
        "TransformOutput": {"Accept": kind, "AssembleWith": split},
        "DataProcessing": asked,
    }
    found = DataProcessing.of(request)
    assert found is not None
    return found


@pytest.mark.parametrize("asked", [{}, {"InputFilter": "$", "OutputFilter": "$", "JoinSource": "None"}])
def test_what_changes_nothing_is_nothing(asked: dict[str, str]) -> None:
    request = {"TransformInput": {}, "TransformOutput": {}, "DataProcessing": asked}
    assert DataProcessing.of(request) is None


def test_rows_of_csv_keep_their_quotes_and_commas() -> None:
    found = processing("text/csv; charset=utf-8", InputFilter="$[1:]", JoinSource="Input", OutputFilter="$[0,1,-1]")
    body = b'7,"a, ""b""",c\r\n8,d,e\r\n'
    assert found.filtered(body) == b'"a, ""b""",c\nd,e\n'
    assert found.joined(body, b'"x,y"\n0.5\n') == b'7,"a, ""b""","x,y"\n8,d,0.5'


def test_one_column_of_a_row_is_a_row() -> None:
    assert processing("text/csv", InputFilter="$[1]").filtered(b"1,2\n3,4") == b"2\n4"


def test_lines_of_json_get_the_answer_under_a_key_of_its_own() -> None:
    found = processing("application/jsonlines", InputFilter="$.features", JoinSource="Input")
    body = b'{"id": 1, "features": [1, 2]}\n{"id": 2, "features": [3, 4]}\n'
    assert found.filtered(body) == b"[1,2]\n[3,4]\n"
    assert [json.loads(line) for line in found.joined(body, b"0.5\n0.25\n").splitlines()] == [
        {"id": 1, "features": [1, 2], "SageMakerOutput": 0.5},
        {"id": 2, "features": [3, 4], "SageMakerOutput": 0.25},
    ]


def test_an_input_that_is_no_object_gets_one_around_both() -> None:
    found = processing("application/json", JoinSource="Input", OutputFilter="$['SageMakerInput','SageMakerOutput']")
    assert json.loads(found.joined(b"[1, 2]\n", b'{"p": 3}')) == {"SageMakerInput": [1, 2], "SageMakerOutput": {"p": 3}}


def test_a_whole_object_of_json_may_have_many_lines() -> None:
    found = processing("application/json", "None", JoinSource="Input", OutputFilter="$.SageMakerOutput.p")
    assert found.filtered(b'{\n"a": 1\n}') == b'{\n"a": 1\n}'
    assert found.joined(b'{\n"a": 1\n}', b'{"p":\n 2}') == b"2"


def test_an_answer_alone_is_filtered_too() -> None:
    found = processing("text/csv", OutputFilter="$[0]")
    assert found.joined(b"ignored", b"1,2\n3,4\n5,6\n") == b"1\n3\n5"


def test_letters_stay_letters() -> None:
    assert processing("application/jsonlines", InputFilter="$.a").filtered('{"a": "Löwe"}'.encode()) == '"Löwe"'.encode()


@pytest.mark.parametrize(
    ("kind", "body", "words"),
    [
        ("application/jsonlines", b"{", "'{' is not JSON"),
        ("application/jsonlines", b"[" * 100_000, "is not JSON"),
        ("application/jsonlines", b"\xff", "not UTF-8"),
        ("application/jsonlines", b'{"b": 1}', "the object has no 'a'"),
        ("text/csv", b'"open', "is not a row of CSV"),
    ],
)
def test_what_is_no_record_is_named(kind: str, body: bytes, words: str) -> None:
    with pytest.raises(BadRecord, match=words):
        processing(kind, InputFilter="$.a" if "json" in kind else "$[0]").filtered(body)


@pytest.mark.parametrize("value", ['"\\ud800"', "1e999", "[" * 970 + "]" * 970])
def test_what_was_read_and_cannot_be_written_is_a_bad_record(value: str) -> None:
    """Of each place where a record is written: what the model gets, and what is stored."""
    for work in (
        lambda: processing("application/jsonlines", InputFilter="$.a").filtered(f'{{"a": {value}}}'.encode()),
        lambda: processing("application/jsonlines", OutputFilter="$.a").joined(b"", f'{{"a": {value}}}'.encode()),
        lambda: processing("application/jsonlines", JoinSource="Input").joined(f'{{"a": {value}}}'.encode(), b"1"),
        lambda: processing("application/jsonlines", JoinSource="Input").joined(b'{"a": 1}', value.encode()),
    ):
        with contextlib.suppress(BadRecord):
            assert "Infinity" not in work().decode()
