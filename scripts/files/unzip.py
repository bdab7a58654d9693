"""A zip of pictures is unpacked so that nothing in it can do harm: only pictures, below one folder, within limits of bytes."""

import lzma
import shutil
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeVar

from contract.archive import plain_name
from contract.errors import ArchiveError
from contract.pictures.picture_listing import CONTENT_TYPES, is_hidden
from contract.splits import FOLDERS
from contract.visible import NOT_UTF8
from scripts.errors import LaunchError
from scripts.output import Output

Found = TypeVar("Found")
SPLITS = tuple(FOLDERS.values())
_CHUNK = 1 << 20
_BROKEN = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, RuntimeError, ValueError, OverflowError)
"""What zipfile raises for bytes that are no zip; ValueError for names and places that cannot be."""
_UTF8, _UNIX = 0x800, 3
"""The flag of a name in UTF-8, and the system on which a member was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Ceilings of one archive: pictures, bytes of one, bytes of all together, unpacked."""

    pictures: int = 200_000
    bytes_each: int = 64 << 20
    bytes_all: int = 16 << 30


def unzip(archive: Path, folder: Path, output: Output, limits: Limits = Limits()) -> None:
    """Unpack SPLIT/CLASS/PICTURE into `folder`, which is absent; folders above the splits are dropped, other files left out.

    Raises LaunchError naming the member and what is wrong with it; nothing is left then.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        with zipfile.ZipFile(archive) as opened:
            members = list(_pictures(archive, opened, limits))
            if not members:
                raise LaunchError(f"{archive}: no picture in it below {', '.join(SPLITS)}")
            left = limits.bytes_all
            with output.progress("unpacking", "pictures") as show:
                for count, (member, path) in enumerate(members, start=1):
                    left -= _write(archive, opened, member, aside / path, min(limits.bytes_each, left))
                    show(count, len(members))
        aside.chmod(0o755)
        aside.rename(folder)
    except NotImplementedError as error:  # zipfile's word for a compression it does not know
        raise LaunchError(f"{archive}: cannot be unpacked ({str(error)[:120]}); unpack it yourself and use --folder") from None
    except _BROKEN as error:
        raise LaunchError(f"{archive}: not a whole zip ({str(error)[:120]}); remove it and fetch it again") from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _pictures(archive: Path, opened: zipfile.ZipFile, limits: Limits) -> Iterator[tuple[zipfile.ZipInfo, PurePosixPath]]:
    seen: set[str] = set()
    for member in opened.infolist():
        path = _checked(archive, member)
        if member.is_dir() or path.suffix.lower() not in CONTENT_TYPES or any(is_hidden(part) for part in path.parts):
            continue
        if len(path.parts) < 3 or path.parts[-3] not in SPLITS:
            continue
        place = PurePosixPath(*path.parts[-3:])
        if str(place).casefold() in seen:
            raise LaunchError(f"{archive}: {str(place)[:200]!r} is in it twice")
        seen.add(str(place).casefold())
        if len(seen) > limits.pictures:
            raise LaunchError(f"{archive}: more than {limits.pictures:,} pictures")
        yield member, place


def _checked(archive: Path, member: zipfile.ZipInfo) -> PurePosixPath:
    name = _name(archive, member)
    try:
        path = plain_name(name)
    except ArchiveError as error:
        raise LaunchError(f"{archive}: {error}") from None
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise LaunchError(f"{archive}: {name[:200]!r} is not a regular file or folder")
    if member.flag_bits & 1:
        raise LaunchError(f"{archive}: {name[:200]!r} is encrypted")
    return path


def _name(archive: Path, member: zipfile.ZipInfo) -> str:
    """A member's name. One that is not marked as UTF-8 may be UTF-8 all the same: macOS and many programs on Unix do not mark it.
    On DOS and Windows it is in the code page in which zipfile has read it; on Unix any other bytes are in nobody knows what."""
    name = member.filename
    if member.flag_bits & _UTF8 or name.isascii():
        return name
    try:
        return name.encode("cp437").decode("utf-8")
    except UnicodeError:
        if member.create_system == _UNIX:
            raise LaunchError(f"{archive}: {name[:200]!r} {NOT_UTF8}, or unpack it yourself and use --folder") from None
        return name


def _write(archive: Path, opened: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, most: int) -> int:
    """Bytes written; what the header claims is not believed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with _in_its_words(lambda: opened.open(member)) as source, path.open("xb") as target:
        while piece := _in_its_words(lambda: source.read(_CHUNK)):
            written += len(piece)
            if written > most:
                raise LaunchError(f"{archive}: {member.filename[:200]!r} unpacks to more than {most:,} bytes")
            target.write(piece)
    return written


def _in_its_words(call: Callable[[], Found]) -> Found:
    """What a call on the archive returns. Damage in bz2, or a place that cannot be, is an OSError like those of our files."""
    try:
        return call()
    except OSError as error:
        raise zipfile.BadZipFile(str(error)) from None
