"""Who holds the lock on the local SageMaker's root, as the kernel knows it, and how that process is ended. Not what it does.

A process id in a file may be another program's by now. A lock ends with its process, so whoever holds it is the server.
"""

import fcntl
import os
import select
import signal
import struct
import time
from contextlib import suppress
from pathlib import Path

from scripts.errors import RunError

FLOCK = "hhqqi0q"
"""Linux's struct flock: type, whence, start, length, process id."""
KILL_SECONDS = 10.0
"""A killed process is gone in less, unless the kernel itself is stuck in a call of its."""


def holder(root: Path) -> int | None:
    """The process that holds the lock on a root; None where nobody does. Asking disturbs nobody."""
    try:
        with (root / "lock").open("rb") as file:
            asked = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            kind, _, _, _, pid = struct.unpack(FLOCK, fcntl.fcntl(file.fileno(), fcntl.F_GETLK, asked))
    except OSError:
        return None
    return pid if kind != fcntl.F_UNLCK and pid > 0 else None


def end_holder(root: Path, patience: float) -> bool:
    """Ends the process that holds the lock: SIGTERM, SIGKILL after `patience` seconds. False where nobody holds it.

    Raises RunError where the process is another user's, or does not end.
    """
    pid = holder(root)
    if pid is None:
        return False
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    except OSError as error:
        raise RunError(f"process {pid}, which holds {root}/lock, cannot be ended: {error.strerror}") from None
    try:
        if holder(root) != pid:  # it ended, and the id may have been another program's when we took hold of it
            return False
        for number, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, KILL_SECONDS)):
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(process, number)
            if _ended(process, seconds):
                _reap(pid)
                return True
    except PermissionError:
        raise RunError(f"process {pid}, which holds {root}/lock, belongs to another user; ask them to stop it") from None
    finally:
        os.close(process)
    raise RunError(f"process {pid}, which holds {root}/lock, does not end, not by SIGKILL either; it may wait for a disk")


def _ended(process: int, seconds: float) -> bool:
    """Whether a process ends in time; one that nobody has waited for (a zombie) has ended."""
    poll = select.poll()
    poll.register(process, select.POLLIN)
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if poll.poll(left * 1000):
            return True
    return False


def _reap(pid: int) -> None:
    with suppress(ChildProcessError):  # it is our child only where this very command started it
        os.waitpid(pid, os.WNOHANG)
