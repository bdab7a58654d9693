"""Objects cut into bodies. Of local_sagemaker.transform.payloads."""

import gzip
import io

import pytest

from local_sagemaker.transform.payloads import BadInput, opened, payloads, pieces
from local_sagemaker.transform.settings import Settings


def cut(body: bytes, limit: int, *, lines: bool = True, multi: bool = True) -> list[bytes]:
    settings = Settings(concurrent=1, payload_bytes=limit, multi_record=multi)
    return list(payloads(io.BytesIO(body), settings, lines=lines))


def test_as_many_lines_as_fit_go_together() -> None:
    assert cut(b"1\n22\n333\n4", 5) == [b"1\n22\n", b"333\n4"]
    assert cut(b"1\n22\n333\n4", 4) == [b"1\n", b"22\n", b"333\n", b"4"]
    assert cut(b"1\n22\n333\n4", 4, multi=False) == [b"1\n", b"22\n", b"333\n", b"4"]
    assert cut(b"1\n\n2\n", 100, multi=False) == [b"1\n", b"\n", b"2\n"]


def test_an_empty_object_is_one_body_or_no_lines() -> None:
    assert cut(b"", 5, lines=False) == [b""] and cut(b"", 5) == []


@pytest.mark.parametrize("multi", [True, False])
def test_a_line_of_the_limit_fits_and_one_byte_more_does_not(multi: bool) -> None:
    assert cut(b"1234\n1234\n", 5, multi=multi) == [b"1234\n", b"1234\n"]
    with pytest.raises(BadInput, match="Record 2 is larger than MaxPayloadInMB allows, which is 5 bytes"):
        cut(b"1234\n12345\n", 5, multi=multi)


def test_an_object_of_the_limit_fits_and_one_byte_more_does_not() -> None:
    assert cut(b"12345", 5, lines=False) == [b"12345"]
    with pytest.raises(BadInput, match="The object is larger"):
        cut(b"123456", 5, lines=False)


def test_what_was_cut_short_is_no_gzip() -> None:
    whole = gzip.compress(b"1\n2\n" * 1000)
    assert b"".join(pieces(opened(io.BytesIO(whole), "Gzip"))) == b"1\n2\n" * 1000
    for read in (pieces, lambda file: payloads(file, Settings(concurrent=1, payload_bytes=9, multi_record=True), lines=True)):
        with pytest.raises(BadInput, match="not whole gzip data"):
            list(read(opened(io.BytesIO(whole[:-12]), "Gzip")))
