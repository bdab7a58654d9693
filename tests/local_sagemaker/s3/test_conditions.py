"""Ranges of an object: S3's answers at both ends, without a server."""

from pathlib import Path

import pytest

from local_sagemaker.errors import AwsError
from local_sagemaker.s3.conditions import byte_range
from local_sagemaker.storage.object_info import About, ObjectInfo


def info(size: int, parts: tuple[int, ...] = ()) -> ObjectInfo:
    return ObjectInfo(bucket="b", key="k", size=size, etag="e", modified=0.0, path=Path("unused"), about=About(part_sizes=parts))


@pytest.mark.parametrize(
    ("asked", "offset", "length"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=0-10", 0, 10),
        ("bytes=0-99", 0, 10),
        ("bytes=9-", 9, 1),
        ("bytes=9-9", 9, 1),
        ("bytes=-1", 9, 1),
        ("bytes=-10", 0, 10),
        ("bytes=-11", 0, 10),
        ("bytes=-99", 0, 10),
    ],
)
def test_a_range_is_cut_to_the_object(asked: str, offset: int, length: int) -> None:
    assert byte_range({"Range": asked}, info(10)) == (offset, length, True)


@pytest.mark.parametrize(
    ("asked", "size"), [("bytes=10-", 10), ("bytes=10-20", 10), ("bytes=-0", 10), ("bytes=0-", 0), ("bytes=-1", 0)]
)
def test_a_range_with_nothing_in_it_is_416(asked: str, size: int) -> None:
    with pytest.raises(AwsError) as caught:
        byte_range({"Range": asked}, info(size))
    assert (caught.value.code, caught.value.status) == ("InvalidRange", 416)


@pytest.mark.parametrize("asked", ["", "bytes=-", "bytes=5-4", "bytes=a-b", "lines=0-1"])
def test_what_is_no_range_asks_for_the_whole(asked: str) -> None:
    assert byte_range({"Range": asked} if asked else {}, info(10)) == (0, 10, False)


def test_a_part_is_one_of_those_that_were_uploaded() -> None:
    whole = info(10, (6, 4))
    assert byte_range({"PartNumber": 1}, whole) == (0, 6, True) and byte_range({"PartNumber": 2}, whole) == (6, 4, True)
    for number in (0, 3):
        with pytest.raises(AwsError):
            byte_range({"PartNumber": number}, whole)
