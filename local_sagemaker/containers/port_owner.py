"""Who listens at a port of this machine: a process of one container, or a stranger whose answers do not count. Linux only."""

import contextlib
import os
import socket
import sys

import psutil

_LISTENING = "0A"
_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")


class PortOwner:
    """Tells whether anything listens at `port` that is no socket of the process `top` or of one below it.

    With a socket of each, the kernel gives a connection to whichever it likes, so one stranger is one too many. Whose a socket is
    is looked up once: a search through a container's processes takes a hundred times as long as the list of those that listen.
    """

    def __init__(self, port: int, top: int) -> None:
        self._port, self._top = port, top
        self._own: set[str] = set()

    def is_taken(self) -> bool:
        """Whether a stranger listens there at this moment."""
        sockets = _listening(self._port)
        if not sockets <= self._own:
            self._own = sockets & _sockets_below(self._top)
        return not sockets <= self._own


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


def free_port() -> int:
    """A loopback port that nothing listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
