"""Reading a tar.gz that may come from anywhere, one member at a time, with a ceiling on everything that it can ask for.

tarfile reads a header of whatever length it claims, and a sparse file's map to its end; here all headers between two members
share a budget. Members are files (not sparse ones), folders and links with names of a bounded length; nothing is written here.
"""

import gzip
import io
import os
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, BinaryIO

PIECE = 1 << 20
"""Bytes of a member that are read at a time."""


BROKEN = (tarfile.TarError, EOFError, zlib.error, OSError, ValueError, RecursionError)
"""What tarfile and gzip raise; RecursionError for headers that announce headers that announce headers."""
KINDS = {
    tarfile.REGTYPE: "file",
    tarfile.AREGTYPE: "file",
    tarfile.DIRTYPE: "folder",
    tarfile.SYMTYPE: "symlink",
    tarfile.LNKTYPE: "hardlink",
}


class BadArchive(Exception):
    """The archive is not one, or asks for more than its limits: a sentence that names the member where there is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveLimits:
    """Ceilings of one archive: members of any kind, bytes of all files together, of the headers of one member, and of a name."""

    members: int = 100_000
    bytes: int = 64 << 30
    header_bytes: int = 1 << 20
    name_bytes: int = 4096


@dataclass(frozen=True, slots=True)
class Member:
    """A member. `content` is there for a file, whose bytes are to be read before the next member; `target` for a link."""

    name: str
    kind: str
    """file, folder, symlink or hardlink."""
    executable: bool
    target: str
    content: IO[bytes] | None

    def pieces(self) -> Iterator[bytes]:
        """The bytes of a file. Raises BadArchive where it ends early."""
        assert self.content is not None
        try:
            while piece := self.content.read(PIECE):
                yield piece
        except BROKEN as error:
            raise _unreadable(error) from error


def members(file: BinaryIO, limits: ArchiveLimits = ArchiveLimits()) -> Iterator[Member]:
    """The members of a tar.gz, in order. Raises BadArchive, also while a member's content is read."""
    try:
        with gzip.GzipFile(fileobj=file, mode="rb") as zipped:
            yield from _members(_Bounded(zipped, limits), limits)
    except BROKEN as error:
        raise _unreadable(error) from error


def _unreadable(error: Exception) -> BadArchive:
    return BadArchive(f"it cannot be read as tar.gz: {str(error)[:200]}")


def _members(stream: "_Bounded", limits: ArchiveLimits) -> Iterator[Member]:
    count = total = 0
    with tarfile.open(fileobj=stream, mode="r:") as tar:
        while (found := tar.next()) is not None:
            count, total = count + 1, total + max(found.size, 0)
            if count > limits.members:
                raise BadArchive(f"it holds more than {limits.members:,} members")
            for name in (found.name, found.linkname):
                if len(name.encode("utf-8", "surrogateescape")) > limits.name_bytes:
                    raise BadArchive(f"the name {name[:80]!r}... is longer than {limits.name_bytes:,} bytes")
            kind = KINDS.get(found.type)
            if kind is None or found.sparse is not None:
                what = "a sparse file" if found.sparse is not None else "no file, folder or link"
                raise BadArchive(f"member {found.name!r} is {what}")
            if total > limits.bytes:
                raise BadArchive(f"with member {found.name!r} of {found.size:,} bytes it holds more than {limits.bytes:,} bytes")
            stream.reads_content = True
            content = tar.extractfile(found) if kind == "file" else None
            yield Member(found.name, kind, bool(found.mode & 0o100), found.linkname, content)
            stream.next_member()
            vars(tar)["members"].clear()  # tarfile keeps every header that it has read


class _Bounded(io.RawIOBase):
    """A stream that gives headers up to the budget of one member, and content piece by piece."""

    def __init__(self, stream: gzip.GzipFile, limits: ArchiveLimits) -> None:
        self._stream = stream
        self._limits = limits
        self._ceiling = limits.bytes + (limits.members + 32) * 4096
        self.next_member()

    def next_member(self) -> None:
        """Headers come next."""
        self.reads_content = False
        self._budget = self._limits.header_bytes

    def read(self, size: int = -1) -> bytes:
        if size < 0:
            raise BadArchive("it cannot be read as tar.gz: an unbounded header")
        if not self.reads_content:
            self._budget -= size
            if self._budget < 0:
                raise BadArchive(f"the headers of a member are longer than {self._limits.header_bytes:,} bytes")
        self._check(self._stream.tell() + size)
        return self._stream.read(size)

    def seek(self, position: int, whence: int = os.SEEK_SET) -> int:
        self._check(position)
        return self._stream.seek(position, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def _check(self, position: int) -> None:
        if position > self._ceiling:
            raise BadArchive(f"it holds more than {self._ceiling:,} bytes with its headers")
