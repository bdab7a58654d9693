"""The front's view of the worker processes: who lives, who is ready, who hangs. It starts none; that is MMS's work.

Each worker holds one Unix socket open (see `worker`), so the end of a process, however it came, is known at once and exactly.
"""

import asyncio
import os
import signal
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from serve import log
from serve.worker import BUSY, busy_file


class Link(asyncio.Protocol):
    """One worker process, from the moment it begins to load until it is gone."""

    def __init__(self, workers: "Workers") -> None:
        self._workers = workers
        self._rest = b""
        self.pid = 0
        self.ready = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peer: socket.socket = transport.get_extra_info("socket")
        self.pid = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
        self._busy = Path(busy_file(peer.getsockname(), self.pid))
        self._workers.links.add(self)
        log.event("worker_loading", pid=self.pid)
        self._workers.changed()

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if line.startswith(b"ready "):
                self.ready = True
                self._workers.lost_loading = 0
                self._workers.precision = line[6:].decode("ascii", "replace")
                log.event("worker_ready", pid=self.pid, precision=self._workers.precision)
                self._workers.changed()
            elif line.startswith(b"failed "):
                self._workers.failed(line[7:].decode("utf-8", "replace"))

    def busy_seconds(self, now: float) -> float:
        """How long it has worked on its batch; 0 when it has none."""
        try:
            since = BUSY.unpack(self._busy.read_bytes())[0]
        except (OSError, struct.error):  # not written yet
            return 0.0
        return now - since if since else 0.0

    def connection_lost(self, exc: Exception | None) -> None:
        self._busy.unlink(missing_ok=True)
        self._workers.links.discard(self)
        self._workers.lost_loading = 0 if self.ready else self._workers.lost_loading + 1
        log.event("worker_gone", "info" if self._workers.ending else "error", pid=self.pid)
        self._workers.changed()


class Workers:
    """All of them. `changed` is called whenever one appears, becomes ready or is gone; `failed` when one cannot load."""

    def __init__(self, *, changed: Callable[[], None], failed: Callable[[str], None]) -> None:
        self.links: set[Link] = set()
        self.changed = changed
        self.failed = failed
        self.lost_loading = 0
        """Workers that ended while they loaded, since one last got ready."""
        self.precision = ""
        """What the worker that got ready last computes in; all of them do the same."""
        self.ending = False
        self._server: asyncio.AbstractServer | None = None

    async def listen(self, path: Path) -> None:
        self._server = await asyncio.get_running_loop().create_unix_server(lambda: Link(self), path)

    def close(self) -> None:
        if self._server is not None:
            self._server.close()

    @property
    def alive(self) -> int:
        return len(self.links)

    @property
    def ready(self) -> int:
        return sum(link.ready for link in self.links)

    def kill_hung(self, seconds: float) -> None:
        """Kill every worker that is busy with one batch for `seconds`, or stopped; MMS then starts another.

        MMS gives up on a worker that does not answer, but leaves the process, its memory and its CPU time behind.
        """
        now = time.monotonic()
        for link in list(self.links):
            if link.busy_seconds(now) >= seconds or _stopped(link.pid):
                log.event("worker_killed", "error", pid=link.pid, reason=f"no answer for {seconds:.0f} s")
                os.kill(link.pid, signal.SIGKILL)


def _stopped(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_STOPPED
    except psutil.NoSuchProcess:
        return False
