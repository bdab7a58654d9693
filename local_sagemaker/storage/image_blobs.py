"""Layers and configs as plain files named by their SHA-256, and the uploads that become them.

A file is under its digest only when its bytes have been proved to be it and are on the disk, so a blob is whole or absent,
also after SIGKILL or a power cut. Which repository has which blob is image_index.py's.
"""

import hashlib
import logging
import os
import re
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ..errors import AwsError
from .blobs import disk_errors
from .image_manifests import need_digest
from .private_files import STORED_FILE, tighten

log = logging.getLogger(__name__)
UPLOAD_ID = re.compile(r"[0-9a-f]{32}")
_READ_BYTES = 1 << 20


class Upload:
    """A blob being received, on disk as far as it came: a broken connection, or a killed server, costs only the rest.

    One request at a time writes: `claim`, `write` ..., `release`. `size` is in bytes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = path.stat().st_size
        self._sha256 = hashlib.sha256() if self.size == 0 else None
        self._file: BinaryIO | None = None
        self._claimed = threading.Lock()
        self._writing = threading.Lock()

    def claim(self) -> None:
        """Opens it for writing. Raises BLOB_UPLOAD_INVALID while another request writes it, BLOB_UPLOAD_UNKNOWN once it ended."""
        if not self._claimed.acquire(blocking=False):
            raise AwsError("BLOB_UPLOAD_INVALID", "Another request is writing this upload; ask for its status, then go on.", 409)
        try:
            with disk_errors():
                self._file = open(self.path, "r+b", buffering=0)  # noqa: SIM115
                if self._sha256 is None:
                    self._read()
                self._file.seek(self.size)
        except BaseException as error:
            self._end_claim()
            if isinstance(error, FileNotFoundError):
                raise unknown_upload() from None
            raise

    def write(self, data: bytes) -> None:
        """Appends. A full disk raises ServiceUnavailable, and what fitted stays."""
        with self._writing:
            if self._file is None or self._sha256 is None:
                raise ValueError("an upload is written between claim and release")
            try:
                with disk_errors():
                    view = memoryview(data)
                    while view:
                        view = view[self._file.write(view) :]
            except BaseException:
                self._read()
                raise
            self._sha256.update(data)
            self.size += len(data)

    def flush(self) -> str:
        """Puts the bytes on the disk; returns their digest. Only between claim and release."""
        with self._writing, disk_errors():
            if self._file is None or self._sha256 is None:
                raise ValueError("an upload is flushed between claim and release")
            os.fsync(self._file.fileno())
            return f"sha256:{self._sha256.hexdigest()}"

    def release(self) -> None:
        """The request is over. It may be called twice."""
        with self._writing:
            if self._file is not None:
                self._end_claim()

    def _end_claim(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        self._claimed.release()

    def _read(self) -> None:
        """Takes size and hash from the file, which is what counts."""
        sha256, size = hashlib.sha256(), 0
        with open(self.path, "rb") as file:
            while data := file.read(_READ_BYTES):
                sha256.update(data)
                size += len(data)
        self._sha256, self.size = sha256, size


class RegistryBlobs:
    """The two folders: blobs by digest, and uploads by id. No name that a client chose is a path."""

    def __init__(self, folder: Path) -> None:
        self._blobs, self._uploads = folder / "blobs", folder / "uploads"
        self._uploads.mkdir(parents=True, exist_ok=True)
        for number in range(256):
            (self._blobs / f"{number:02x}").mkdir(parents=True, exist_ok=True)
        self._open: dict[str, Upload] = {}
        self._lock = threading.Lock()

    def path(self, digest: str) -> Path:
        """Where a blob lies, or would. Raises DIGEST_INVALID."""
        name = need_digest(digest).removeprefix("sha256:")
        return self._blobs / name[:2] / name

    def remove(self, digest: str) -> None:
        """Removes a blob; readers that have it open are not disturbed."""
        self.path(digest).unlink(missing_ok=True)

    def keep(self, upload: Upload, digest: str) -> None:
        """Makes a proved and flushed upload the blob, in place of the same bytes if they were there."""
        target = self.path(digest)
        with disk_errors():
            tighten(upload.path, STORED_FILE)
            os.replace(upload.path, target)
            folder = os.open(target.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def new_upload(self) -> str:
        """Starts an upload; returns its id."""
        upload = uuid.uuid4().hex
        with disk_errors():
            self._upload_path(upload).touch(exist_ok=False)
        return upload

    def upload(self, upload: str) -> Upload:
        """The upload, also one that a server before this one began. Raises BLOB_UPLOAD_UNKNOWN."""
        with self._lock:
            if upload not in self._open:
                try:
                    self._open[upload] = Upload(self._upload_path(upload))
                except FileNotFoundError:
                    raise unknown_upload() from None
            return self._open[upload]

    def forget(self, upload: str) -> None:
        """The upload has ended; what is left of it goes."""
        with self._lock:
            self._open.pop(upload, None)
        self._upload_path(upload).unlink(missing_ok=True)

    def uploads(self) -> Iterator[tuple[str, float]]:
        """(id, time of the last byte) of each upload on disk."""
        for entry in os.scandir(self._uploads):
            yield entry.name, entry.stat().st_mtime

    def sweep(self, named: set[str]) -> int:
        """Removes every blob whose digest is not in `named`; returns how many. For the start of the server only.

        Where one in `named` is missing, its name may have been changed by the disk, so nothing is removed.
        """
        strays, found = [], set()
        for folder in self._blobs.iterdir():
            for entry in os.scandir(folder):
                if (digest := f"sha256:{entry.name}") in named:
                    found.add(digest)
                    tighten(entry.path, STORED_FILE, entry.stat().st_mode)
                else:
                    strays.append(entry.path)
        if found != named:
            log.warning("%d blobs of images have lost their files; nothing in %s is swept", len(named - found), self._blobs)
            return 0
        for path in strays:
            os.unlink(path)
        return len(strays)

    def _upload_path(self, upload: str) -> Path:
        if not UPLOAD_ID.fullmatch(upload):
            raise unknown_upload()
        return self._uploads / upload


def unknown_upload() -> AwsError:
    """The upload is not there, or not of this repository."""
    return AwsError("BLOB_UPLOAD_UNKNOWN", "The upload is unknown: it was completed, cancelled or swept. Start another.", 404)
