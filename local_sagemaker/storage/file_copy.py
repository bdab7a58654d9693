"""A file's bytes into another file, inside the kernel where possible; btrfs and XFS share the blocks and copy nothing."""

import errno
import os
import shutil
from typing import BinaryIO

AT_ONCE = 1 << 30
"""Bytes asked of the kernel in one call."""
_CANNOT = (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM)


def copy_bytes(source: BinaryIO, target: BinaryIO) -> None:
    """Appends the rest of `source` to `target`. Both are unbuffered, or not yet read or written. Raises OSError."""
    try:
        while os.copy_file_range(source.fileno(), target.fileno(), AT_ONCE):
            pass
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
        shutil.copyfileobj(source, target, 1 << 20)  # the two descriptors are where the kernel left them
