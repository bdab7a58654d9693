"""Archives are read in memory, within limits, and only as far as needed."""

import gzip
import io
import random
import tarfile
from pathlib import Path

import pytest

from rules.errors import SourceError
from rules.reading import archive
from rules.reading.archive import InMemory, members
from rules.reading.source import Folder


def pack(path: Path, *entries: tuple[str, bytes | int]) -> Path:
    """A tar.gz; an int for a content is a size that only the header claims."""
    with tarfile.open(path, "w:gz") as tar:
        for name, content in entries:
            entry = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
            else:
                entry.size = content
                tar.fileobj.write(entry.tobuf())
                break
    return path


def test_wanted_members_come_back_by_name(tmp_path: Path) -> None:
    pack(tmp_path / "a.tar.gz", ("./steps.csv", b"one"), ("big", b"x" * 100), ("data/history.json", b"[]"))
    assert members(Folder(tmp_path), "a.tar.gz", lambda name: name != "big") == {"steps.csv": b"one", "data/history.json": b"[]"}


def test_nothing_after_the_first_is_read(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.tar.gz", ("model.json", b"{}"), ("model.safetensors", bytes(range(256)) * 40_000))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert members(Folder(tmp_path), "a.tar.gz", lambda name: name == "model.json", first=True) == {"model.json": b"{}"}
    with pytest.raises(SourceError, match=r"a\.tar\.gz: not a whole tar\.gz"):
        members(Folder(tmp_path), "a.tar.gz", lambda name: False)


def test_a_header_that_claims_too_much_is_refused(tmp_path: Path) -> None:
    pack(tmp_path / "a.tar.gz", ("steps.csv", archive.WANTED + 1))
    with pytest.raises(SourceError, match="more than 536,870,912 bytes"):
        members(Folder(tmp_path), "a.tar.gz", lambda name: True)
    pack(tmp_path / "b.tar.gz", ("other", archive.UNPACKED + 1))
    with pytest.raises(SourceError):
        members(Folder(tmp_path), "b.tar.gz", lambda name: False)


@pytest.mark.parametrize("size", [1 << 20, (1 << 20) + 1, 3 << 20])
def test_a_member_of_more_than_a_mebibyte_comes_back_whole(size: int, tmp_path: Path) -> None:
    content = random.Random(size).randbytes(size)
    pack(tmp_path / "a.tar.gz", ("steps.csv", content), ("history.json", b"[]"))
    assert members(Folder(tmp_path), "a.tar.gz", lambda name: True) == {"steps.csv": content, "history.json": b"[]"}


@pytest.mark.parametrize(
    "kind, content, count", [(tarfile.XHDTYPE, b"11 a=12345\n" * 90_000, 64), (tarfile.GNUTYPE_LONGNAME, b"n", 5000)]
)
def test_headers_without_end_are_refused(kind: bytes, content: bytes, count: int, tmp_path: Path) -> None:
    entry = tarfile.TarInfo("header")
    entry.type, entry.size = kind, len(content)
    one = entry.tobuf(tarfile.USTAR_FORMAT) + content + b"\0" * (-len(content) % 512)
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(one * count))
    with pytest.raises(SourceError, match=r"a\.tar\.gz: (the headers of a member are longer|not a whole tar)"):
        members(Folder(tmp_path), "a.tar.gz", lambda name: True)


def test_links_are_passed_over(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        link = tarfile.TarInfo("steps.csv")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    assert members(Folder(tmp_path), "a.tar.gz", lambda name: True) == {}


@pytest.mark.parametrize("content", [b"", b"not gzip at all", b"\x1f\x8b\x08\x00garbage"])
def test_what_is_no_archive_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.tar.gz").write_bytes(content)
    with pytest.raises(SourceError, match=r"a\.tar\.gz"):
        members(Folder(tmp_path), "a.tar.gz", lambda name: True)


def test_files_in_memory_are_a_source() -> None:
    held = InMemory({"system/b": b"12345", "system/a": b"", "other": b"x"})
    assert [file.name for file in held.files("system/")] == ["system/a", "system/b"]
    assert [file.name for file in held.files("system/", "system/a")] == ["system/b"]
    assert held.read("system/b", 1, 2) == b"23" and held.has("other") and not held.has("nowhere")
    with pytest.raises(FileNotFoundError):
        held.read("nowhere")
