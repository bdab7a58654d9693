"""model.tar.gz is packed so that equal folders give equal bytes, and unpacked so that nothing in it can do harm.

The checks are our own and do not lean on tarfile's `data` filter, which some Pythons lack and some have broken
(CVE-2025-4517), so the same archive gives the same answer everywhere. Sparse files, links, devices and FIFOs are refused.
Other readers of archives use the same bounds and the same check of names: `reading`, `plain_name`.
"""

import contextlib
import gzip
import io
import os
import shutil
import tarfile
import tempfile
import unicodedata
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from contract.errors import ArchiveError
from contract.files import replacing
from contract.visible import NOT_UTF8, is_utf8, visible

_CHUNK = 1 << 20
HEADER_BYTES = 1 << 20
"""Of all headers of one member together: tarfile follows headers of headers, and the map of a sparse file, to their end."""
NAME_BYTES = 1024
"""Of a member's name, the longest key of S3: with the folder it is unpacked to, it stays a path that the system takes."""
_PLAIN = (tarfile.REGTYPE, tarfile.AREGTYPE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Ceilings of one archive: entries of any kind, and bytes of all files together, unpacked."""

    members: int = 10_000
    bytes: int = 8 << 30


def pack(folder: Path, archive: Path) -> None:
    """Write every regular file below `folder` to `archive`; the same files give the same bytes, whoever packs them.

    Written aside and renamed, so a reader never sees half of it. Raises ArchiveError for a link or special file.
    """
    with replacing(archive, durable=True) as aside, open(aside, "wb") as raw:
        # Weights hardly compress: level 1 is within a per cent of level 9 and many times faster.
        with gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=raw, mtime=0) as zipped:
            with tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as tar:
                for path in _files(folder):
                    with open(path, "rb") as content:
                        entry = tarfile.TarInfo(path.relative_to(folder).as_posix())
                        entry.size, entry.mode = os.fstat(content.fileno()).st_size, 0o644
                        tar.addfile(entry, content)


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise ArchiveError(f"{path.name}: only regular files and folders can be packed")
        if path.is_file():
            yield path


def unpack(archive: Path, folder: Path, limits: Limits = Limits()) -> None:
    """Unpack into `folder`, which must be absent or empty; on any error nothing is left there.

    Raises ArchiveError naming the archive, the member and what is wrong with it.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ArchiveError(f"{folder}: not empty; unpack into a new folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        with open(archive, "rb") as stream, reading(stream, limits.bytes + (limits.members + 32) * 4096) as members:
            _extract(members, aside, limits)
        if folder.exists():
            folder.rmdir()
        aside.chmod(0o755)
        aside.rename(folder)
    except ArchiveError as error:
        raise ArchiveError(f"{archive.name}: {error}") from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _extract(members: "Members", folder: Path, limits: Limits) -> None:
    seen: dict[str, bool] = {}
    total = 0
    for count, member in enumerate(members, start=1):
        if count > limits.members:
            raise ArchiveError(f"{member.name[:200]!r}: more than {limits.members:,} members")
        if member.isdir() and not member.name:
            continue  # SageMaker's SDK packs the folder itself so
        path = _checked(member)
        if path == PurePosixPath("."):
            continue
        _claim(path, member, seen)
        total += member.size if not member.isdir() else 0
        if total > limits.bytes:
            raise ArchiveError(f"{member.name!r}: more than {limits.bytes:,} bytes in all")
        if member.isdir():
            (folder / path).mkdir(parents=True, exist_ok=True)
        else:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            with open(folder / path, "xb") as target:
                target.writelines(members.content(member))
            if member.mode & 0o100:
                (folder / path).chmod(0o755)  # a script may call another beside it


def _checked(member: tarfile.TarInfo) -> PurePosixPath:
    if not is_plain_file(member) and not member.isdir():
        raise ArchiveError(f"{member.name[:200]!r}: not a regular file or folder")
    return plain_name(member.name)


def plain_name(name: str) -> PurePosixPath:
    """A member's name as a path that stays below the folder it is unpacked to. Raises ArchiveError."""
    path = PurePosixPath(name)
    bad = not name or path.is_absolute() or ".." in path.parts or "\\" in name or name[1:2] == ":"
    long = len(name.encode(errors="surrogateescape")) > NAME_BYTES or any(len(os.fsencode(part)) > 255 for part in path.parts)
    if bad or long or any(ord(letter) < 32 for letter in name):
        raise ArchiveError(f"{name[:200]!r}: not a plain relative name")
    if not is_utf8(name):
        raise ArchiveError(f"{visible(name[:200])} {NOT_UTF8}")
    return path


def _claim(path: PurePosixPath, member: tarfile.TarInfo, seen: dict[str, bool]) -> None:
    """Refuse two entries for one place, on file systems that fold case or Unicode forms as well."""
    parts = [unicodedata.normalize("NFC", part).casefold() for part in path.parts]
    for depth in range(1, len(parts)):
        if seen.setdefault("/".join(parts[:depth]), True) is False:
            raise ArchiveError(f"{member.name!r}: lies below a file")
    place = "/".join(parts)
    if place in seen and not (seen[place] and member.isdir()):
        raise ArchiveError(f"{member.name!r}: clashes with an earlier member")
    seen[place] = member.isdir()


def is_plain_file(member: tarfile.TarInfo) -> bool:
    """Whether a member is a regular file whose bytes lie in the archive, all of them."""
    return member.type in _PLAIN and member.sparse is None


@contextlib.contextmanager
def reading(stream: BinaryIO, ceiling: int) -> "Iterator[Members]":
    """The members of a tar.gz, of which no more than `ceiling` bytes are unpacked. Raises ArchiveError, within the context too,
    for what is no whole archive."""
    try:
        with gzip.GzipFile(fileobj=stream) as zipped:
            bounded = _Bounded(zipped, ceiling)
            with tarfile.open(fileobj=bounded, mode="r:") as tar:
                yield Members(tar, bounded)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, RecursionError) as error:  # a header of headers of headers
        raise ArchiveError(f"not a whole tar.gz ({str(error)[:120]})") from None


class Members:
    """The members of an archive in their order, and the content of each while it is the newest."""

    def __init__(self, tar: tarfile.TarFile, stream: "_Bounded") -> None:
        """`stream`: what `tar` reads."""
        self._tar, self._stream = tar, stream

    def __iter__(self) -> Iterator[tarfile.TarInfo]:
        for member in self._tar:
            yield member
            self._stream.headers_left = HEADER_BYTES
            vars(self._tar)["members"].clear()  # tarfile remembers every header it has read

    def content(self, member: tarfile.TarInfo) -> Iterator[bytes]:
        """The bytes of a plain file, a mebibyte at a time. Raises ArchiveError where they end early."""
        source = self._tar.extractfile(member)
        assert source is not None
        self._stream.headers_left = None
        left = member.size
        while left:
            piece = source.read(min(_CHUNK, left))
            if not piece:
                raise ArchiveError(f"{member.name!r}: ends early")
            yield piece
            left -= len(piece)


class _Bounded(io.RawIOBase):
    """What gzip unpacks, up to `ceiling` bytes, and between two members no more than HEADER_BYTES: a header may ask for any
    number of bytes, and tarfile would read them all. `headers_left`: None while a file's bytes are read."""

    def __init__(self, stream: gzip.GzipFile, ceiling: int) -> None:
        self._stream, self._ceiling = stream, ceiling
        self.headers_left: int | None = HEADER_BYTES

    def read(self, size: int = -1) -> bytes:
        """Raises ArchiveError behind the ceiling, for longer headers, and for more than a mebibyte at once."""
        if size < 0 or size > _CHUNK:
            raise ArchiveError(f"a header claims {size:,} bytes")
        if self.headers_left is not None:
            self.headers_left -= size
            if self.headers_left < 0:
                raise ArchiveError(f"the headers of a member are longer than {HEADER_BYTES:,} bytes")
        self._check(self._stream.tell() + size)
        return self._stream.read(size)

    def seek(self, position: int, whence: int = os.SEEK_SET) -> int:
        self._check(position)
        return self._stream.seek(position, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def _check(self, position: int) -> None:
        if position > self._ceiling:
            raise ArchiveError(f"more than {self._ceiling:,} bytes unpacked")
