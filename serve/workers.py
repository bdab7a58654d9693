"""The worker processes: started, watched, killed when they hang, and started again when they are gone.

Each holds one socket to the front for as long as it lives, so its end, however it came, is known at once and exactly.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from serve import log
from serve.config import Config, child_environ
from serve.frame import Part
from serve.link import Job, Link
from serve.relay import Relay

_LOAD_TRIES = 5
_PAUSE_SECONDS = 0.1
"""Before a worker that did not load is tried again; doubled each time."""
_LINK = 3
"""The worker's descriptor of the socket: the first that is free there."""
_ROOT = str(Path(__file__).resolve().parent.parent)


class Workers:
    """All of them, and the relay that feeds those that are ready. `fatal` is called with the line that ends the program."""

    def __init__(self, config: Config, relay: Relay, fatal: Callable[[str], None]) -> None:
        self._config = config
        self._relay = relay
        self._fatal = fatal
        self._links: set[Link] = set()
        self._connecting: set[asyncio.Task[object]] = set()
        self._lost_loading = 0
        """Workers that ended while they loaded, since one last got ready."""
        self._ending = False

    @property
    def ready(self) -> int:
        return sum(link.ready for link in self._links)

    @property
    def precision(self) -> str:
        """What they compute in, all of them the same; empty while none is ready."""
        return next((link.precision for link in self._links if link.ready), "")

    def start(self) -> None:
        for slot in range(self._config.workers):
            self._start(slot)

    def kill_hung(self) -> None:
        """Kill every worker that has been busy with one batch for longer than a request may take; another is started then.

        With several requests, half as long: each is asked again alone and has the other half for it.
        """
        for link in self._links:
            limit = self._config.request_timeout / (2 if len(link.jobs) > 1 else 1)
            if link.busy_seconds() >= limit:
                log.event("worker_killed", "error", pid=link.pid, reason=f"no answer for {limit:.1f} s")
                _kill(link.pid)

    def close(self) -> None:
        """SIGKILL to all: nothing is owed by now, and they hold nothing but memory."""
        self._ending = True
        for link in self._links:
            _kill(link.pid)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(link.pid, 0)

    def _start(self, slot: int) -> None:
        if self._ending:
            return
        ours, theirs = socket.socketpair()
        try:
            pid = _spawn(theirs.fileno(), self._config, slot)
        except OSError as error:
            ours.close()
            log.event("worker_not_started", "error", reason=os.strerror(error.errno or 0))
            self._again(slot)
            return
        finally:
            theirs.close()
        log.event("worker_loading", pid=pid)
        link = Link(self, pid, slot)
        self._links.add(link)
        loop = asyncio.get_running_loop()
        task = loop.create_task(loop.create_unix_connection(lambda: link, sock=ours))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    def _again(self, slot: int) -> None:
        """Another worker for one that did not load."""
        self._lost_loading += 1
        if self._lost_loading >= _LOAD_TRIES:
            self._fatal(f"{_LOAD_TRIES} worker processes ended while loading and gave no reason; killed, or out of memory")
        else:
            asyncio.get_running_loop().call_later(_PAUSE_SECONDS * 2**self._lost_loading, self._start, slot)

    # -- what a link tells (link.Owner) -----------------------------------------------------------------------------------

    def loaded(self, link: Link) -> None:
        self._lost_loading = 0
        self._relay.add(link)

    def refused(self, reason: str) -> None:
        self._fatal(reason)

    def answered(self, link: Link, jobs: list[Job], answers: list[Part]) -> None:
        self._relay.answered(link, jobs, answers)

    def gone(self, link: Link, jobs: list[Job]) -> None:
        self._links.discard(link)
        if self._ending:
            return
        log.event("worker_gone", "error", pid=link.pid)
        self._relay.lost(link, jobs)
        if link.ready:
            self._start(link.slot)
        else:
            self._again(link.slot)


def _spawn(link: int, config: Config, slot: int) -> int:
    """The process id of a new worker, whose end of the socket is descriptor `link` of this process. Raises OSError."""
    properties = {
        "model_dir": str(config.model),
        "engine": config.engine,
        "precision": config.precision,
        "threads": config.threads,
        "batch": config.batch,
        "gpu_id": slot % config.gpus if config.gpus else None,
        "default_accept": config.default_accept,
    }
    environ = child_environ()
    # Large pages where the kernel gives them to those who ask: a request's CPU time falls by 1 to 4 %.
    environ.setdefault("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1")
    environ["PYTHONPATH"] = os.pathsep.join(filter(None, [_ROOT, environ.get("PYTHONPATH")]))
    return os.posix_spawn(
        sys.executable,
        [sys.executable, "-m", "serve.worker", str(_LINK), json.dumps(properties)],
        environ,
        file_actions=[
            (os.POSIX_SPAWN_DUP2, link, _LINK),
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, 1, 2),  # engines complain there in their own words; the program's last line stands alone
        ],
        setsid=True,  # a terminal's Ctrl-C is the front's to hear
    )


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
