"""Files that hold the bytes of S3 objects, named by random ids that owe nothing to a key or a bucket.

So no key, whatever it is, can name a path. A blob is written once and never changed; it counts only once the index
(objects.py) names it, and that is what makes a put atomic. Blobs that nothing names are swept when the server starts.
"""

import errno
import hashlib
import logging
import os
import re
import stat
import uuid
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from ..errors import AwsError, unavailable
from .file_copy import copy_bytes
from .full_disk import DISK_ERRORS
from .private_files import STORED_FILE, tighten

ZEROS = bytes(1 << 20)
log = logging.getLogger(__name__)
BLOB_ID = re.compile(r"[0-9a-f]{32}")


class Hasher(Protocol):
    """What hashlib's objects and our CRCs have in common."""

    def update(self, data: bytes, /) -> None: ...


class BlobWriter:
    """A new blob being written. `size` (bytes) and `md5` (hex) are right after the last write.

    Leaving the `with` block by an error removes the file; so does `discard`.
    """

    def __init__(self, path: Path, hashers: Iterable[Hasher] = ()) -> None:
        self.path = path
        self.id = path.name
        self.size = 0
        self._hashers = [hashlib.md5(usedforsecurity=False), *hashers]
        with disk_errors():
            self._file = open(path, "xb", buffering=0)  # noqa: SIM115
            os.fchmod(self._file.fileno(), STORED_FILE)  # this descriptor alone may write

    def write(self, data: bytes) -> None:
        """Appends. A full disk raises ServiceUnavailable."""
        for hasher in self._hashers:
            hasher.update(data)
        with disk_errors():
            if data == ZEROS:  # a sparse file stays one
                self._file.seek(len(data), os.SEEK_CUR)
            view = memoryview(b"" if data == ZEROS else data)
            while view:
                view = view[self._file.write(view) :]
        self.size += len(data)

    def append_file(self, path: Path) -> None:
        """Appends another file within the kernel. Neither `md5` nor the hashers see these bytes."""
        with disk_errors(), open(path, "rb") as source:
            before, wanted = self._file.tell(), os.fstat(source.fileno()).st_size
            copy_bytes(source, self._file)
            if self._file.tell() - before != wanted:
                raise OSError(errno.EIO, f"{path} became shorter while it was read")
            self.size += wanted

    @property
    def md5(self) -> str:
        """The MD5 so far, as hex."""
        return self._hashers[0].hexdigest()  # type: ignore[attr-defined]

    def close(self) -> None:
        """No more writes."""
        if not self._file.closed:
            with disk_errors():
                self._file.truncate(self.size)  # the last bytes may be of a hole
        self._file.close()

    def discard(self) -> None:
        """Removes the file."""
        self._file.close()
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()


class Blobs:
    """A folder of blobs, spread over 256 sub-folders."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for number in range(256):
            (folder / f"{number:02x}").mkdir(parents=True, exist_ok=True)

    def path(self, blob: str) -> Path:
        """Where a blob lies. Only ids that this class made are taken."""
        if not BLOB_ID.fullmatch(blob):
            raise ValueError(f"not a blob id: {blob!r}")
        return self._folder / blob[:2] / blob

    def new(self, hashers: Iterable[Hasher] = ()) -> BlobWriter:
        """A writer for a new blob."""
        return BlobWriter(self.path(uuid.uuid4().hex), hashers)

    def adopt(self, source: Path, *, link: bool) -> str:
        """Takes a regular file in as a blob and returns its id: a hard link where asked for and possible, else a copy.

        With `link`, the caller promises that nobody writes into `source` in place from now on. Symbolic links and
        anything else that is not a regular file raise ValueError.
        """
        blob = uuid.uuid4().hex
        target = self.path(blob)
        with disk_errors():
            if link and _try_link(source, target):
                tighten(target, STORED_FILE)
                return blob
            descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with open(descriptor, "rb") as opened:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise ValueError(f"{source} is not a regular file")
                try:
                    with open(target, "xb", buffering=0) as copy:
                        os.fchmod(copy.fileno(), STORED_FILE)
                        copy_bytes(opened, copy)
                except BaseException:
                    target.unlink(missing_ok=True)
                    raise
        return blob

    def remove(self, blob: str) -> None:
        """Removes a blob; readers that have it open, and hard links to it, are not disturbed."""
        self.path(blob).unlink(missing_ok=True)

    def sweep(self, named: set[str]) -> int:
        """Removes every blob that is not in `named`; returns how many. For the start of the server only.

        Where one in `named` is missing, its name may have been changed by the disk, so nothing is removed. Blobs that an earlier
        version left writable are made read-only.
        """
        strays, found = [], set()
        for folder in self._folder.iterdir():
            for entry in os.scandir(folder):
                if entry.name in named:
                    found.add(entry.name)
                    tighten(entry.path, STORED_FILE, entry.stat().st_mode)
                else:
                    strays.append(entry.path)
        if found != named:
            log.warning("%d objects have lost their files; nothing in %s is swept", len(named - found), self._folder)
            return 0
        for path in strays:
            os.unlink(path)
        return len(strays)


def _try_link(source: Path, target: Path) -> bool:
    if not stat.S_ISREG(source.lstat().st_mode):
        raise ValueError(f"{source} is not a regular file")
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP):
            return False
        raise
    if not stat.S_ISREG(target.lstat().st_mode):  # swapped between the two calls
        target.unlink()
        raise ValueError(f"{source} is not a regular file")
    return True


class disk_errors:
    """Turns a full or failing disk into ServiceUnavailable; lets every other error through."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, OSError) and error.errno in DISK_ERRORS:
            raise _storage_error(error) from error


def _storage_error(error: OSError) -> AwsError:
    return unavailable(
        f"The local storage cannot be written ({error.strerror}); nothing was changed. Free some space, then repeat."
    )
