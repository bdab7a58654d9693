"""The same files from a folder and from S3."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rules.errors import SourceError
from rules.reading.source import Folder, S3Prefix, Source, open_source
from tests.support.local_server import LocalServer

FILES = {"index/0/a.json": b"0123456789", "index/0/b.json": b"b", "index/1/a.json": b"c", "index/1/z.json.tmp": b"", "END": b""}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    started = LocalServer(tmp_path_factory.mktemp("server"))
    for bucket, prefix in (("bucket", "jobs/one/"), ("whole", "")):
        started.s3.create_bucket(Bucket=bucket)
        for name, body in FILES.items():
            started.s3.put_object(Bucket=bucket, Key=prefix + name, Body=body)
    yield started
    started.stop()


@pytest.fixture(params=["folder", "prefix", "bucket"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    if request.param == "folder":
        for name, body in FILES.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(body)
        return Folder(tmp_path)
    client = request.getfixturevalue("server").s3
    return S3Prefix(client, "bucket", "jobs/one") if request.param == "prefix" else S3Prefix(client, "whole", "")


def test_files_are_listed_in_order_and_unfinished_ones_are_not(source: Source) -> None:
    assert [file.name for file in source.files("index/")] == ["index/0/a.json", "index/0/b.json", "index/1/a.json"]
    assert [file.name for file in source.files("index/", "index/0/b")] == ["index/0/b.json", "index/1/a.json"]
    assert [file.size for file in source.files("index/")] == [10, 1, 1]
    assert list(source.files("nothing/")) == []
    assert all(file.modified > 1_600_000_000 for file in source.files("index/"))


def test_parts_of_files_are_read(source: Source) -> None:
    assert source.read("index/0/a.json") == b"0123456789"
    assert source.read("index/0/a.json", 3, 4) == b"3456" and source.read("index/0/a.json", 8) == b"89"
    assert source.read("index/0/a.json", 0, 0) == b""
    with pytest.raises(FileNotFoundError):
        source.read("index/0/none.json")


def test_a_mark_is_there_or_not(source: Source) -> None:
    assert source.has("END") and not source.has("NO END")


def test_what_cannot_be_read_is_told_in_one_line(server: LocalServer) -> None:
    with pytest.raises(SourceError, match="s3://no-such-bucket/x/index/ cannot be read: NoSuchBucket"):
        list(S3Prefix(server.s3, "no-such-bucket", "x").files("index/"))
    with pytest.raises(SourceError, match="names no bucket"):
        open_source("s3:///key")
