"""Chosen members of a model.tar.gz or output.tar.gz are read into memory, as far as needed; nothing is unpacked to a disk.

What is read is bounded: the archive's unpacked bytes, and those of the wanted members. Anything but a regular file is passed
over, and a name is only ever compared, so nothing in an archive can reach outside.
"""

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from contract import archive
from contract.errors import ArchiveError
from rules.errors import SourceError
from rules.reading.source import File, Source

UNPACKED = 4 << 30
"""Bytes of one archive that are unpacked at most, to look for what is wanted."""
WANTED = 512 << 20
"""Bytes of all wanted members together."""
_PIECE = 1 << 20


class _Remote(io.RawIOBase):
    """A file of a source as a stream, fetched a piece at a time: what is wanted often lies at the start."""

    def __init__(self, source: Source, name: str) -> None:
        self._source, self._name, self._at = source, name, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer)
        try:
            found = self._source.read(self._name, self._at, len(view))
        except FileNotFoundError:  # S3 says so of a range behind the end
            if not self._at:
                raise
            return 0
        view[: len(found)] = found
        self._at += len(found)
        return len(found)


def members(source: Source, name: str, wanted: Callable[[str], bool], *, first: bool = False) -> dict[str, bytes]:
    """The members of an archive whose name is `wanted`, by name. `first`: no more than one, and nothing after it is read.

    Raises FileNotFoundError, and SourceError for what is no whole tar.gz and for one that is too large.
    """
    found: dict[str, bytes] = {}
    left = WANTED
    try:
        with archive.reading(io.BufferedReader(_Remote(source, name), _PIECE), UNPACKED) as packed:
            for member in packed:
                clean = member.name.removeprefix("./")
                if not archive.is_plain_file(member) or not wanted(clean):
                    continue
                left -= member.size
                if left < 0:
                    raise ArchiveError(f"with {clean!r} it holds more than {WANTED:,} bytes to read")
                found[clean] = b"".join(packed.content(member))
                if first:
                    break
    except ArchiveError as error:
        raise SourceError(f"{name}: {error}") from None
    return found


@dataclass(frozen=True, slots=True)
class InMemory:
    """A source whose files are held in memory, by name."""

    content: Mapping[str, bytes]

    def files(self, folder: str, after: str = "") -> Iterator[File]:
        for name in sorted(self.content):
            if name.startswith(folder) and name > after:
                yield File(name, len(self.content[name]), 0.0)

    def read(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        if name not in self.content:
            raise FileNotFoundError(name)
        return self.content[name][start : None if length is None else start + length]

    def has(self, name: str) -> bool:
        return name in self.content
