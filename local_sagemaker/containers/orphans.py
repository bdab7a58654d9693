"""What a container's program leaves behind when it has killed container_init.py, which would have ended it.

A process whose parents are gone is handed up to the next process above that takes such ones in: container_init.py, and above it
this server. So a child of the server that is no container_init.py was left by a container that has none any more. A server that
was started again is above none of them; there a container's processes are known by the folder in their environment.
"""

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PR_SET_CHILD_SUBREAPER = 36
FOLDER_VARIABLE = "SAGEMAKER_BASE_DIR"
_adopting = False


class _Process(NamedTuple):
    pid: int
    parent: int
    session: int
    ended: bool


def adopt() -> None:
    """From now on this process takes in what is left of containers. Its other children, if any, must stay in its session.

    Linux only; elsewhere nothing is taken in.
    """
    global _adopting
    if sys.platform == "linux":
        _adopting = ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


def end(base: Path, inits: set[int], seconds: float) -> list[int]:
    """SIGKILL to all that is left of the container with this /opt/ml, and of any other without its container_init.py.

    `inits`: the process ids of those that this server has started and not yet seen the end of. Returns once nothing is left, or
    after `seconds`, with the process ids that were ended.
    """
    ended: set[int] = set()
    deadline = time.monotonic() + seconds
    while left := [process for process in _processes() if _is_left(process, base, inits)]:
        for process in left:
            ended.add(process.pid)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process.pid, signal.SIGKILL)
            if process.parent == os.getpid():
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(process.pid, os.WNOHANG)
        if time.monotonic() > deadline:
            break
        time.sleep(0.005)
    return sorted(ended)


def _is_left(process: _Process, base: Path, inits: set[int]) -> bool:
    if process.pid in inits or process.pid == os.getpid():
        return False
    if _adopting and process.parent == os.getpid() and process.session != os.getsid(0):
        return True
    return not process.ended and f"{FOLDER_VARIABLE}={base}".encode() in _environment(process.pid)


def _processes() -> Iterator[_Process]:
    for name in os.listdir("/proc") if sys.platform == "linux" else []:
        if name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{name}/stat", "rb") as file:
                state, parent, _, session = file.read().rpartition(b")")[2].split()[:4]
                yield _Process(int(name), int(parent), int(session), state in b"ZX")


def _environment(pid: int) -> list[bytes]:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read().split(b"\0")
    except OSError:  # it has ended, or is another user's
        return []
