"""What an error looks like that says that a disk is full or out of order: waiting may help, and nothing was done wrong."""

import errno

from ..errors import AwsError

DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)


def refused_by_disk(error: BaseException | None) -> bool:
    """Whether an error, or what caused it, is such a one: storage.blobs and storage.database say ServiceUnavailable."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in DISK_ERRORS:
            return True
        if isinstance(error, AwsError) and error.status == 503:
            return True
        error = error.__cause__
    return False
