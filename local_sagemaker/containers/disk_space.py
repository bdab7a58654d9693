"""Whether the disk of a container's folder is full, which a program that fails for it often has no room to say."""

import contextlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from .untrusted_folder import Refused, UntrustedFolder

FEW_BYTES = 1 << 20
"""A disk with less than this free is full: what a program could not write was rarely smaller."""


def full_disk(folder: Path) -> str:
    """A sentence that names a full disk by a folder on it; empty where it has room, or is not to be asked."""
    try:
        disk = os.statvfs(folder)
    except OSError:
        return ""
    free = disk.f_bavail * disk.f_frsize
    if free < FEW_BYTES:
        return f"The disk of {folder} is full ({free:,} bytes free); make room there, then start the job again"
    if disk.f_files and not disk.f_favail:
        return f"The disk of {folder} takes no more files (no inodes free); remove some there, then start the job again"
    return ""


def drop_files(folders: Iterable[UntrustedFolder]) -> None:
    """Deletes the files below folders that nothing is taken from any more, so that this server has room to end the job."""
    for folder in folders:
        with contextlib.suppress(OSError, Refused):
            for name, status in folder.walk():
                if stat.S_ISREG(status.st_mode):
                    folder.delete(name)
