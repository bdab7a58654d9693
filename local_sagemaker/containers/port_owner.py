"""Who listens at a port of this machine: a process of one container, or a stranger whose answers do not count. Linux only."""

import contextlib
import os
import sys

import psutil

_LISTENING = "0A"
_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")


def is_listened_at_by_others(port: int, top: int) -> bool:
    """Whether anything listens at `port` that is no socket of the process `top` or of one below it.

    With a socket of each, the kernel gives a connection to whichever it likes, so one stranger is one too many.
    """
    sockets = _listening(port)
    return bool(sockets) and not sockets <= _sockets_below(top)


def _listening(port: int) -> set[str]:
    """The inodes of the sockets that listen at a port, whatever their address is."""
    found = set()
    for table in _TABLES if sys.platform == "linux" else ():
        with contextlib.suppress(OSError), open(table) as lines:
            next(lines, "")
            for line in lines:
                words = line.split()
                if words[3] == _LISTENING and int(words[1].rpartition(":")[2], 16) == port:
                    found.add(words[9])
    return found


def _sockets_below(top: int) -> set[str]:
    """The inodes of all sockets that a process and those below it hold."""
    found = set()
    with contextlib.suppress(psutil.Error):
        first = psutil.Process(top)
        for process in [first, *first.children(recursive=True)]:
            place = f"/proc/{process.pid}/fd"
            with contextlib.suppress(OSError):  # it has ended, or shows its descriptors to nobody
                for name in os.listdir(place):
                    with contextlib.suppress(OSError):
                        kind, _, inode = os.readlink(f"{place}/{name}").partition(":")
                        if kind == "socket":
                            found.add(inode.strip("[]"))
    return found
