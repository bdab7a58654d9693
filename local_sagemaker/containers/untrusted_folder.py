"""A folder in which a container may have put anything, and the only way by which this server touches what lies below.

A path is walked by directory descriptors, one name after the other, and no symbolic link is followed on the way or at its end, so
nothing that a container puts there, or swaps while the server looks, leads outside. Only regular files are opened; FIFOs, sockets
and devices are refused by name. Lists have limits. Errors of the disk stay OSErrors.
"""

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
"""Beside the direction: what would block when it is opened does not, and no terminal becomes the server's."""
BLOCK = 512
"""Bytes of a unit of st_blocks, whatever the file system's own blocks are."""
SHOWN = 200
"""Characters of a path that a sentence shows, counted from its end."""


class Refused(Exception):
    """What a container left is not what the server reads or writes there: a sentence that begins with the path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Ceilings of one tree: entries of any kind, folders one inside the other, bytes on the disk, and bytes that files claim
    without having them there (the holes of sparse files)."""

    entries: int = 200_000
    depth: int = 100
    disk_bytes: int = 1 << 40
    hole_bytes: int = 64 << 30


LIMITS = Limits()


class Entry(NamedTuple):
    """One thing in a tree: its path below the tree's top, and the status of the thing itself, never of a link's target."""

    name: str
    status: os.stat_result


@dataclass(frozen=True, slots=True)
class UntrustedFolder:
    """A folder at `parts` below `top`, which is the server's own. It need not be there; each call walks to it anew.

    A `name` is a path below the folder with slashes, without "", "." and ".." in it (ValueError). All calls raise Refused where
    something on the way is no folder, and FileNotFoundError where it is absent, unless they say otherwise.
    """

    top: Path
    parts: tuple[str, ...] = ()

    def __truediv__(self, name: str) -> "UntrustedFolder":
        return UntrustedFolder(self.top, (*self.parts, *_split(name)))

    @property
    def path(self) -> Path:
        """For the command line of a program and for mounts: this server does not open it."""
        return self.top.joinpath(*self.parts)

    def shown(self, name: str = "") -> str:
        """The path as a sentence shows it: from `top`'s inside, so what lies at opt/ml is called as its container calls it."""
        path = "/" + "/".join((*self.parts, *filter(None, [name])))
        plain = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in path)
        return plain if len(plain) <= SHOWN else f"...{plain[-SHOWN:]}"

    def read(self, name: str, limit: int) -> bytes | None:
        """The first `limit` bytes of a file; None where there is none."""
        try:
            with self.reader(name) as file:
                return file.read(limit)
        except FileNotFoundError:
            return None

    def reader(self, name: str, limits: Limits = LIMITS) -> BinaryIO:
        """A regular file, opened to be read. Refused also where it claims more bytes than `limits` allow."""
        with self._parent(name) as (folder, last):
            file = self._open(name, last, folder, os.O_RDONLY)
        try:
            self._weigh(name, os.fstat(file.fileno()), 0, 0, limits)
        except Refused:
            file.close()
            raise
        return file

    def create(self, name: str, buffering: int = -1) -> BinaryIO:
        """A new file, opened to be written, its folder made where it is absent. Raises FileExistsError."""
        with self._parent(name, make=True) as (folder, last):
            return open(os.open(last, os.O_WRONLY | os.O_CREAT | os.O_EXCL | FILE, 0o666, dir_fd=folder), "wb", buffering)

    def appender(self, name: str) -> BinaryIO:
        """A regular file, made where it is absent, opened to be written at its end."""
        with contextlib.suppress(FileExistsError):
            self.create(name).close()
        with self._parent(name) as (folder, last):
            return self._open(name, last, folder, os.O_WRONLY | os.O_APPEND)

    def write(self, name: str, content: bytes | str) -> None:
        """Writes a file whole or not at all: aside, in the same folder, which is made where it is absent, then renamed."""
        with self._parent(name, make=True) as (folder, last):
            with contextlib.suppress(FileNotFoundError):
                self._need_file(name, os.stat(last, dir_fd=folder, follow_symlinks=False))
            aside = f".{secrets.token_hex(8)}.tmp"
            descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | FILE, 0o666, dir_fd=folder)
            try:
                with open(descriptor, "wb") as file:
                    file.write(content.encode() if isinstance(content, str) else content)
                os.replace(aside, last, src_dir_fd=folder, dst_dir_fd=folder)
            except OSError:
                with contextlib.suppress(OSError):
                    os.unlink(aside, dir_fd=folder)
                raise

    def make(self, name: str = "") -> None:
        """Makes the folder, and those above it below `top`, where they are absent; `top` and what it lies in, too."""
        self.top.mkdir(parents=True, exist_ok=True)
        with self._opened(*_split(name), make=True):
            pass

    def link(self, name: str, source: Path) -> None:
        """Makes a hard link to a file of the server's own, and its folder where it is absent. Raises FileExistsError."""
        with self._parent(name, make=True) as (folder, last):
            os.link(source, last, dst_dir_fd=folder, follow_symlinks=False)

    def symlink(self, name: str, target: str) -> None:
        """Makes a symbolic link, and its folder where it is absent. Raises FileExistsError."""
        with self._parent(name, make=True) as (folder, last):
            os.symlink(target, last, dir_fd=folder)

    def target(self, name: str) -> str | None:
        """The text of a symbolic link; None where there is none of that name."""
        try:
            with self._parent(name) as (folder, last):
                return os.readlink(last, dir_fd=folder)
        except (OSError, Refused):
            return None

    def set_mode(self, name: str, mode: int) -> None:
        """Sets the permissions of a file."""
        with self.reader(name) as file:
            os.fchmod(file.fileno(), mode)

    def rename(self, old: str, new: str) -> None:
        """Renames within one folder; what was called `new` is replaced."""
        with self._parent(old) as (folder, last):
            os.replace(last, _split(new)[-1], src_dir_fd=folder, dst_dir_fd=folder)

    def delete(self, name: str) -> None:
        """Removes a file, link, FIFO, socket or device, where it is there."""
        with contextlib.suppress(FileNotFoundError), self._parent(name) as (folder, last):
            os.unlink(last, dir_fd=folder)

    def has(self, name: str) -> bool:
        """Whether there is anything of that name, a link included."""
        try:
            with self._parent(name) as (folder, last):
                os.stat(last, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def folders(self) -> list[str]:
        """The names of the folders that lie directly in it, sorted; none where it is absent."""
        return sorted(entry.name for entry in self._list(()) if stat.S_ISDIR(entry.status.st_mode))

    def outer(self) -> tuple[int, str]:
        """The descriptor of the folder that holds this one, which the caller closes, and the name of this one in it."""
        with UntrustedFolder(self.top, self.parts[:-1])._opened() as folder:
            return os.dup(folder), self.parts[-1]

    def walk(self, limits: Limits = LIMITS) -> Iterator[Entry]:
        """Everything below, each folder before what it holds; nothing where it is absent. Refused over a limit.

        What is removed, or swapped for something else, while this goes on is left out.
        """
        pending: list[tuple[str, ...]] = [()]
        count = disk = holes = 0
        while pending:
            at = pending.pop()
            for entry in self._list(at):
                count += 1
                if count > limits.entries:
                    raise Refused(f"{self.shown()} holds more than {limits.entries:,} files and folders.")
                if stat.S_ISDIR(entry.status.st_mode):
                    if len(at) == limits.depth:
                        raise Refused(f"{self.shown(entry.name)} lies deeper than {limits.depth} folders below {self.shown()}.")
                    pending.append((*at, entry.name.rpartition("/")[2]))
                elif stat.S_ISREG(entry.status.st_mode):
                    disk, holes = self._weigh(entry.name, entry.status, disk, holes, limits)
                yield entry

    def make_read_only(self, limits: Limits = LIMITS) -> None:
        """Takes the permission to write from the folder and all that it holds."""
        for entry in list(self.walk(limits)):
            if stat.S_ISREG(entry.status.st_mode):
                self.set_mode(entry.name, entry.status.st_mode & 0o555)
            elif stat.S_ISDIR(entry.status.st_mode):
                with self._opened(*_split(entry.name)) as folder:
                    os.fchmod(folder, 0o555)
        with self._opened() as folder:
            os.fchmod(folder, 0o555)

    def _list(self, at: tuple[str, ...]) -> Iterator[Entry]:
        """What lies directly in a folder below this one; nothing where it is gone, or swapped since its parent was listed."""
        try:
            with self._opened(*at) as folder, os.scandir(folder) as entries:
                for entry in entries:
                    with contextlib.suppress(FileNotFoundError):
                        yield Entry("/".join((*at, entry.name)), entry.stat(follow_symlinks=False))
        except FileNotFoundError:
            return
        except _NoFolder:
            if not at:
                raise

    def _weigh(self, name: str, status: os.stat_result, disk: int, holes: int, limits: Limits) -> tuple[int, int]:
        """The sums of bytes on the disk and of holes with one more file. Refused, by its name, where they are over a limit."""
        there = status.st_blocks * BLOCK
        disk, holes = disk + there, holes + max(0, status.st_size - there)
        if disk > limits.disk_bytes or holes > limits.hole_bytes:
            raise Refused(
                f"{self.shown(name)} is {status.st_size:,} bytes, of which {there:,} are on the disk: the limits are"
                f" {limits.disk_bytes:,} bytes on the disk and {limits.hole_bytes:,} bytes of holes in a folder's files together."
            )
        return disk, holes

    @contextlib.contextmanager
    def _opened(self, *below: str, make: bool = False) -> Iterator[int]:
        """The descriptor of a folder below this one, which is open as long as the block runs."""
        folder = self._enter(os.fspath(self.top), None, 0)
        try:
            names = (*self.parts, *below)
            for number, name in enumerate(names, start=1):
                if make:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(name, dir_fd=folder)
                outer, folder = folder, self._enter(name, folder, number, names)
                os.close(outer)
            yield folder
        finally:
            os.close(folder)

    def _enter(self, name: str, parent: int | None, number: int, names: tuple[str, ...] = ()) -> int:
        try:
            return os.open(name, FOLDER, dir_fd=parent)
        except NotADirectoryError:  # of a link, too, because of O_DIRECTORY
            shown = UntrustedFolder(self.top, names[:number]).shown() if number else str(self.top)
            with contextlib.suppress(OSError):
                found = os.stat(name, dir_fd=parent, follow_symlinks=False)
                raise _NoFolder(f"{shown} is {kind(found.st_mode)} where a folder is expected; it was not followed.") from None
            raise _NoFolder(f"{shown} is no folder.") from None

    @contextlib.contextmanager
    def _parent(self, name: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
        """The descriptor of the folder that holds `name`, and the last part of it."""
        *outer, last = _split(name) or [""]
        if not last:
            raise ValueError("a name is needed")
        with self._opened(*outer, make=make) as folder:
            yield folder, last

    def _open(self, name: str, last: str, folder: int, direction: int) -> BinaryIO:
        """Looks before it opens, as opening alone can wake a device, and after it, as the two may differ."""
        self._need_file(name, os.stat(last, dir_fd=folder, follow_symlinks=False))
        try:
            descriptor = os.open(last, direction | FILE, dir_fd=folder)
        except OSError as error:
            if isinstance(error, FileNotFoundError | PermissionError):
                raise
            self._need_file(name, os.stat(last, dir_fd=folder, follow_symlinks=False))
            raise
        try:
            self._need_file(name, os.fstat(descriptor))
        except Refused:
            os.close(descriptor)
            raise
        return open(descriptor, "rb" if direction == os.O_RDONLY else "ab")

    def _need_file(self, name: str, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            found = kind(status.st_mode)
            raise Refused(f"{self.shown(name)} is {found} where a regular file is expected; it was not opened.")


class _NoFolder(Refused):
    """Something on the way is no folder."""


def kind(mode: int) -> str:
    """What a file mode is of, in words."""
    kinds = {
        stat.S_IFLNK: "a symbolic link",
        stat.S_IFIFO: "a FIFO",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
        stat.S_IFDIR: "a folder",
        stat.S_IFREG: "a file",
    }
    return kinds.get(stat.S_IFMT(mode), "of an unknown kind")


def not_uploaded(folder: UntrustedFolder, name: str, status: os.stat_result) -> str | None:
    """Why a thing below a folder cannot become an object in S3, as a sentence; None for files, and for folders, which need not.

    A name that is not UTF-8, which Python reads with lone surrogates, cannot be a key.
    """
    if any("\ud800" <= letter <= "\udfff" for letter in name):
        return f"{folder.shown(name)} has a name that is not UTF-8 and is not uploaded."
    if stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode):
        return None
    return f"{folder.shown(name)} is {kind(status.st_mode)} and is not uploaded."


def _split(name: str) -> list[str]:
    """The parts of a path below a folder; none of the folder itself."""
    parts = name.split("/") if name else []
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise ValueError(f"not a plain path below a folder: {name!r}")
    return parts
