"""The worker processes: started, watched, killed when they hang, and started again when they are gone.

Each holds one socket to the frontend for as long as it lives, so its end, however it came, is known at once and exactly.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract.layout import DEFAULT_BASE
from contract.machine.process import signal_name
from serve import log
from serve.config import Config, child_environ, own_code_environ
from serve.workers.connection import PendingRequest, WorkerConnection
from serve.workers.dispatcher import Dispatcher
from serve.workers.frame import Part
from serve.workers.load_output import LoadOutput

_LOAD_TRIES = 5
_PAUSE_SECONDS = 0.1
"""Before a worker that did not load is tried again; doubled each time."""
_NOT_STARTED_SECONDS = 1.0
"""Before it is tried again to start a worker that the system refused to start."""
_CONNECTION = 3
"""The worker's descriptor of the socket: the first that is free there."""
_OUTPUT = 4
"""The worker's descriptor of this program's output, while the model is loaded and 1 and 2 are a pipe."""
_ROOT = str(Path(__file__).resolve().parents[2])


@dataclass(slots=True)
class _Load:
    """A model that is loaded, or was, in the worker of a `slot`. `status`: of the process's end, as waitpid says it."""

    slot: int
    output: LoadOutput
    status: int | None = None
    is_gone: bool = False


class Workers:
    """All of them, and the dispatcher that feeds those that are ready. `fatal` is called with the line that ends the program."""

    def __init__(
        self, config: Config, dispatcher: Dispatcher, fatal: Callable[[str], None], first_tries: int = _LOAD_TRIES
    ) -> None:
        """`first_tries`: how many may be killed while they load, one after another, until all have been ready once."""
        self._config = config
        self._dispatcher = dispatcher
        self._fatal = fatal
        self._workers: set[WorkerConnection] = set()
        self._connecting: set[asyncio.Task[object]] = set()
        self._loads: dict[int, _Load] = {}
        """By the workers' process ids."""
        self._tries = first_tries
        self._killed_loading = 0
        """Workers that were killed while they loaded, since one last got ready."""
        self._last_ready = 0.0
        """When one was last known to be ready; 0 before the first."""
        self._ending = False

    @property
    def ready(self) -> int:
        return sum(worker.ready for worker in self._workers)

    @property
    def pids(self) -> list[int]:
        return [worker.pid for worker in self._workers]

    @property
    def precision(self) -> str:
        """What they compute in, all of them the same; empty while none is ready."""
        return next((worker.precision for worker in self._workers if worker.ready), "")

    def start(self) -> None:
        for slot in range(self._config.workers):
            self._start(slot)

    def sweep(self) -> None:
        """Kill every worker that has been busy with one batch for longer than a request may take; another is started then. End
        the program when no worker has been ready for too long.

        With several requests, half as long: each is asked again alone and has the other half for it.
        """
        now = time.monotonic()
        if self.ready:
            self._last_ready = now
        elif self._last_ready and now - self._last_ready >= self._config.worker_timeout:
            self._fatal(f"no worker has been ready for {self._config.worker_timeout:g} s; its log says what became of them")
        for worker in self._workers:
            limit = self._config.request_timeout / (2 if len(worker.requests) > 1 else 1)
            if worker.busy_seconds() >= limit:
                _kill(worker.pid)
                log.event("worker_killed", "error", pid=worker.pid, reason=f"no answer for {limit:.1f} s")

    def close(self) -> None:
        """SIGKILL to all: nothing is owed by now, and they hold nothing but memory. A second time it does nothing."""
        if self._ending:
            return
        self._ending = True
        for worker in self._workers:
            _kill(worker.pid)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(worker.pid, 0)
        for load in self._loads.values():
            load.output.close()

    def ended(self, pid: int, status: int) -> None:
        """Takes what waitpid said of a child of this program, whoever it was."""
        if (load := self._loads.get(pid)) is not None:
            load.status = status
            self._died_loading(pid, load)

    def _start(self, slot: int) -> None:
        if self._ending:
            return
        try:
            ours, theirs = socket.socketpair()
        except OSError as error:
            self._not_started(slot, error)
            return
        output = None
        try:
            output = LoadOutput()
            pid = _spawn(theirs.fileno(), self._config, slot, output.writer)
        except OSError as error:
            ours.close()
            if output is not None:
                output.close()
            self._not_started(slot, error)
            return
        finally:
            theirs.close()
            if output is not None:
                output.started()
        log.event("worker_loading", pid=pid)
        self._loads[pid] = _Load(slot, output)
        worker = WorkerConnection(self, pid, slot, self._config.answers_limit)
        self._workers.add(worker)
        loop = asyncio.get_running_loop()
        task = loop.create_task(loop.create_unix_connection(lambda: worker, sock=ours))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    def _not_started(self, slot: int, error: OSError) -> None:
        """The system has not enough of something: patience, `sweep` knows when it ends."""
        asyncio.get_running_loop().call_later(_NOT_STARTED_SECONDS, self._start, slot)
        log.event("worker_not_started", "error", reason=os.strerror(error.errno or 0))

    # -- what a worker tells (worker_connection.Owner) ------------------------------------------------------------

    def loaded(self, worker: WorkerConnection) -> None:
        self._killed_loading = 0
        if self.ready == self._config.workers:
            self._tries = _LOAD_TRIES
        self._last_ready = time.monotonic()  # `sweep` may not see one that dies at once
        self._dispatcher.add(worker)

    def refused(self, reason: str) -> None:
        for load in self._loads.values():
            load.output.read()  # what the worker printed before it said so
        self._fatal(reason)

    def answered(self, worker: WorkerConnection, requests: list[PendingRequest], answers: list[Part]) -> None:
        self._dispatcher.answered(worker, requests, answers)

    def gone(self, worker: WorkerConnection, requests: list[PendingRequest]) -> None:
        self._workers.discard(worker)
        if self._ending:
            return  # killed already, and taken in: its number may be another's
        _kill(worker.pid)  # what it has started, and itself where it has only closed its end
        log.event("worker_gone", "error", pid=worker.pid)
        self._dispatcher.lost(worker, requests)
        load = self._loads[worker.pid]
        if worker.ready:
            self._loads.pop(worker.pid).output.close()
            self._start(worker.slot)
        else:
            load.is_gone = True
            self._died_loading(worker.pid, load)

    def _died_loading(self, pid: int, load: _Load) -> None:
        """What has ended its process while it was loaded would again; what was killed may be tried again."""
        if load.status is None or not load.is_gone:
            return  # the one is told a moment after the other
        del self._loads[pid]
        load.output.close()
        code = os.waitstatus_to_exitcode(load.status)
        if code == -signal.SIGKILL:
            self._killed_loading += 1
            if self._killed_loading < self._tries:
                asyncio.get_running_loop().call_later(_PAUSE_SECONDS * 2**self._killed_loading, self._start, load.slot)
                return
        self._fatal(f"{self._config.handler.name or 'the model'} cannot be loaded: {self._end_of(code)} and {_printed(load)}")

    def _end_of(self, code: int) -> str:
        """How a process ended that loaded."""
        if code == -signal.SIGKILL:
            processes = f"{self._tries} worker processes, one after another, were" if self._tries > 1 else "its process was"
            return f"{processes} killed by SIGKILL, most likely as memory was short,"
        return f"its process ended {f'with exit status {code}' if code >= 0 else f'by {signal_name(-code)}'}"


def _printed(load: _Load) -> str:
    return f"printed last: {lines}" if (lines := load.output.last_lines()) else "printed nothing"


def _spawn(descriptor: int, config: Config, slot: int, output: int) -> int:
    """The process id of a new worker, whose end of the socket is `descriptor` of this process. Raises OSError.

    `output`: the pipe for what the worker prints until it has loaded the model; then that goes to this program's output.
    """
    properties: dict[str, Any] = {
        "model_dir": str(config.model),
        "engine": config.engine,
        "precision": config.precision,
        "threads": config.threads,
        "decoders": config.decoders,
        "batch": config.batch,
        "gpu_id": slot % config.gpus if config.gpus else None,
        "default_accept": config.default_accept,
        "output": _OUTPUT,
    }
    python, module, environ = sys.executable, "serve.worker", child_environ()
    if config.handler.own_code:
        environ = own_code_environ(config, environ)
        properties |= _own_code_properties(config)
    if config.own_code is not None:
        python = config.own_code.python
    elif config.own_folder is not None:
        module = "serve.own.prepared_worker"
    # Large pages where the kernel gives them to those who ask: a request's CPU time falls by 1 to 4 %.
    environ.setdefault("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1")
    environ["PYTHONPATH"] = python_path(_ROOT, environ.get("PYTHONPATH", ""), config.handler.own_code)
    command = [python, "-m", module, str(_CONNECTION), json.dumps(properties)]
    if config.own_code is not None and config.model.parent != DEFAULT_BASE:
        from contract.script import opt_ml  # for a person's code only: a classifier's front loads nothing of it

        command = opt_ml.command(config.model.parent, command)
    return os.posix_spawn(
        command[0],
        command,
        environ,
        file_actions=[
            (os.POSIX_SPAWN_DUP2, descriptor, _CONNECTION),
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, 1, _OUTPUT),
            (os.POSIX_SPAWN_DUP2, output, 1),
            (os.POSIX_SPAWN_DUP2, 1, 2),  # engines complain there in their own words; the program's last line stands alone
        ],
        setsid=True,  # a terminal's Ctrl-C is the frontend's to hear
    )


def python_path(root: str, given: str, own_code: bool) -> str:
    """PYTHONPATH of a worker. `root`: the folder of this program; `given`: the program's own PYTHONPATH.

    Where this program is installed as a package, `root` holds all others, too, and would go before those that a person's code
    asked for; the worker's Python finds it there anyway.
    """
    rest = [entry for entry in given.split(os.pathsep) if entry and entry != root]
    installed = Path(root).name in ("site-packages", "dist-packages")
    return os.pathsep.join(rest if own_code and installed else [root, *rest])


def _own_code_properties(config: Config) -> dict[str, Any]:
    """What a worker is told of a person's code: where it is ready, or how to make it so."""
    told = {
        "handler": config.handler.kind,
        "program": config.handler.name,
        "compat": config.compat,
        "answer_limit": config.body_limit,
        "batch_size": config.batch,
    }
    if config.own_code is not None:
        return told | {"code": str(config.own_code.folder)}
    return told | {
        "source": config.handler.source,
        "cache": str(config.cache) if config.cache else None,
        "own_folder": str(config.own_folder),
        "seconds": config.startup_timeout,
    }


def _kill(pid: int) -> None:
    """SIGKILL to a worker and to all that it has started: each leads a process group of its own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
