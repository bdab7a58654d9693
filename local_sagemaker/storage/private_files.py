"""Who may read and write what lies below the root: its owner alone, and what is stored for good nobody at all.

The root is a folder that only its owner may enter, so nothing inside can be reached by another user of the machine. Databases
have modes of their own beside. A stored object is a file that nobody may write to. What an earlier version left open is closed.
"""

import os
import stat
from pathlib import Path

from ..errors import StartError

PRIVATE_FOLDER = 0o700
PRIVATE_FILE = 0o600
STORED_FILE = 0o444
"""Of a blob: a container of another user that is given one through a read-only mount has to be able to read it."""


def own_root(root: Path) -> None:
    """Makes the root, for its owner alone. Raises StartError for a folder that is another's or is shared, such as /tmp."""
    try:
        root.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
        found = root.stat()
        if found.st_uid != os.geteuid() or found.st_mode & stat.S_ISVTX:
            raise StartError(
                f"--root {root} belongs to user {found.st_uid} or is shared with others (mode {stat.S_IMODE(found.st_mode):04o});"
                " choose a folder of your own."
            )
        tighten(root, PRIVATE_FOLDER)
    except OSError as error:
        raise StartError(f"--root {root}: {error.strerror}. Choose a folder that you may write to.") from None


def private_file(path: Path) -> None:
    """Makes an empty file for its owner alone where there is none, and closes an existing one to others."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE_FILE))
    tighten(path, PRIVATE_FILE)


def tighten(path: Path | str, mode: int, found: int | None = None) -> None:
    """Gives a file or folder exactly `mode` where it has another; `found` is its st_mode where the caller knows it."""
    if stat.S_IMODE(os.stat(path).st_mode if found is None else found) != mode:
        os.chmod(path, mode)
