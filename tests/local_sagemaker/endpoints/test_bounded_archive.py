"""An archive asks for more than its limits: refused with its member, in little memory and time; and each limit has both sides."""

import gzip
import io
import tarfile
import tracemalloc
from collections.abc import Callable

import pytest

from local_sagemaker.endpoints.bounded_archive import ArchiveLimits, BadArchive, members

BLOCK = 512


def header(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0, form: int = tarfile.GNU_FORMAT, **change: str) -> bytes:
    entry = tarfile.TarInfo(name)
    entry.type, entry.size = kind, size
    entry.linkname = change.get("linkname", "")
    return entry.tobuf(form)


def padded(content: bytes) -> bytes:
    return content + b"\0" * (-len(content) % BLOCK)


def pax(records: bytes) -> bytes:
    return header("pax", tarfile.XHDTYPE, len(records)) + padded(records)


def long_name(length: int) -> bytes:
    return header("././@LongLink", tarfile.GNUTYPE_LONGNAME, length) + padded(b"n" * length)


def sparse_map(blocks: int) -> bytes:
    """An old GNU sparse file whose map goes on for so many blocks."""
    first = bytearray(header("holes", tarfile.GNUTYPE_SPARSE))
    first[482] = 1  # it goes on
    first[148:156] = b" " * 8
    first[148:156] = b"%06o\0 " % sum(first)
    return bytes(first) + (b"00000000001\0" * 42 + b"\1" + b"\0" * 7) * blocks


def sparse_file(size: int) -> bytes:
    """An old GNU sparse file of so many bytes, none of which is there."""
    first = bytearray(header("holes", tarfile.GNUTYPE_SPARSE))
    first[483:495] = b"\x80" + size.to_bytes(11, "big")
    first[148:156] = b" " * 8
    first[148:156] = b"%06o\0 " % sum(first)
    return bytes(first)


def read(body: bytes, limits: ArchiveLimits = ArchiveLimits()) -> list[tuple[str, str, bytes]]:
    found = []
    for member in members(io.BytesIO(gzip.compress(body + b"\0" * 1024, 1)), limits):
        found.append((member.name, member.kind, b"".join(member.pieces()) if member.content else b""))
    return found


def test_files_folders_and_links_are_given_one_by_one() -> None:
    body = header("a", tarfile.DIRTYPE) + header("a/b", size=3) + padded(b"abc")
    body += header("l", tarfile.SYMTYPE, linkname="a/b") + header("h", tarfile.LNKTYPE, linkname="a/b")
    expected = [("a", "folder", b""), ("a/b", "file", b"abc"), ("l", "symlink", b""), ("h", "hardlink", b"")]
    assert read(body) == expected
    assert [member.name for member in members(io.BytesIO(gzip.compress(body)))] == ["a", "a/b", "l", "h"]  # unread contents


HOSTILE: dict[str, Callable[[], bytes]] = {
    "a name of 1.5 GB": lambda: header("././@LongLink", tarfile.GNUTYPE_LONGNAME, 1536 << 20) + b"n" * (64 << 20),
    "a link's name of 1.5 GB": lambda: header("././@LongLink", tarfile.GNUTYPE_LONGLINK, 1536 << 20) + b"n" * (64 << 20),
    "a pax header of 1.5 GB": lambda: header("pax", tarfile.XHDTYPE, 1536 << 20) + b"p" * (64 << 20),
    "a global pax header of 1.5 GB": lambda: header("pax", tarfile.XGLTYPE, 1536 << 20) + b"p" * (64 << 20),
    "pax headers without end": lambda: pax(b"11 a=12345\n" * 90_000) * 64,
    "names without end": lambda: long_name(1000) * 60_000,
    "a sparse map without end": lambda: sparse_map(100_000),
    "a negative size": lambda: header("pax", tarfile.XHDTYPE, -1),
    "a sparse file of 1 TB": lambda: sparse_file(1 << 40),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_an_endless_header_costs_little(what: str) -> None:
    body = io.BytesIO(gzip.compress(HOSTILE[what](), 1))
    tracemalloc.start()
    with pytest.raises(BadArchive) as caught:
        for member in members(body):
            for _ in member.pieces():
                pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(f"{what}: {peak >> 10} KiB, {caught.value}")
    assert peak < 16 << 20


@pytest.mark.parametrize(
    ("body", "fits", "exceeds", "sentence"),
    [
        (header("a") * 3, ArchiveLimits(members=3), ArchiveLimits(members=2), "more than 2 members"),
        (
            (header("a", size=600) + padded(b"x" * 600)) * 2,
            ArchiveLimits(bytes=1200),
            ArchiveLimits(bytes=1199),
            "with member 'a' of 600 bytes it holds more than 1,199 bytes",
        ),
        (
            long_name(300) + header("a"),
            ArchiveLimits(name_bytes=300),
            ArchiveLimits(name_bytes=299),
            r"'n+'\.\.\. is longer than 299 bytes",
        ),
        (
            long_name(1000) + header("a"),
            ArchiveLimits(header_bytes=2048),
            ArchiveLimits(header_bytes=2047),
            "the headers of a member are longer than 2,047 bytes",
        ),
    ],
)
def test_each_limit_has_two_sides(body: bytes, fits: ArchiveLimits, exceeds: ArchiveLimits, sentence: str) -> None:
    assert read(body, fits)
    with pytest.raises(BadArchive, match=sentence):
        read(body, exceeds)


@pytest.mark.parametrize("blocks", [0, 1])
def test_headers_and_contents_together_have_a_ceiling(blocks: int) -> None:
    """4 KiB for each member's headers and 32 more: here 33 times, less the member's header and the end's."""
    limits = ArchiveLimits(bytes=0, members=1, name_bytes=1 << 20)
    length = 33 * 4096 - 3 * BLOCK + blocks * BLOCK
    if not blocks:
        assert len(read(long_name(length) + header("a"), limits)) == 1
    else:
        with pytest.raises(BadArchive, match="it holds more than 135,168 bytes with its headers"):
            read(long_name(length) + header("a"), limits)
