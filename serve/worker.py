"""What multi-model-server calls in each worker process, and the worker's line to the front. The prediction is the handler's.

The front cannot ask MMS how a worker is: MMS says a dead model is healthy, leaves a hung process behind for ever and does not
reap a killed one. So each worker keeps a Unix socket to the front open for as long as it lives, and says on it
`ready <precision>` or `failed <reason>`. Since when it has been busy it writes to a file, for the front to read only when it
needs to know: said on the socket, it would wake the front twice a request.
"""

import contextlib
import json
import logging
import os
import signal
import socket
import struct
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from contract.errors import ContractError
from serve import log
from serve.errors import ServeError

SETTINGS = "worker.json"
"""Lies in the folder that MMS takes for the model; `model_server` writes it."""
ANSWER_HEADER = "kennel-answer"
"""Set on every answer of a worker; an answer without it was made up by MMS."""

BUSY = struct.Struct("d")
"""What the busy file holds: the monotonic time, the same in every process, at which a batch was taken up; 0 between batches."""

_worker: "Worker | None" = None


def busy_file(socket_path: str | Path, pid: int) -> str:
    """Where the worker `pid` writes it."""
    return f"{socket_path}.{pid}"


def handle(data: list[dict[str, Any]] | None, context: Any) -> list[bytes] | None:
    """The entry point MMS is told: called once with no data to load, then with each batch."""
    global _worker
    if data is None:
        _worker = Worker(context)
        return None
    assert _worker is not None
    return _worker.answer(data, context)


class Worker:
    """One worker process: the handler, and the socket that is open while the process lives."""

    def __init__(self, context: Any) -> None:
        logging.getLogger("mms.service").setLevel(logging.WARNING)  # it prints several metric lines a request
        settings = json.loads((Path(context.system_properties["model_dir"]) / SETTINGS).read_text())
        self._busy = os.open(busy_file(settings["socket"], os.getpid()), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._link = _connect(settings["socket"])
        _go_first()
        try:
            # Imported here, so that an import error is told to the front like any other.
            from serve.handler import PictureClassifier

            context.system_properties.update(settings["properties"])
            self._handler = PictureClassifier()
            self._handler.initialize(context)
        except Exception as error:
            self._tell(f"failed {_reason(error)}")
            raise SystemExit(1) from None
        self._tell(f"ready {self._handler.precision}")

    def answer(self, data: list[dict[str, Any]], context: Any) -> list[bytes]:
        os.pwrite(self._busy, BUSY.pack(time.monotonic()), 0)
        try:
            answers = self._handler.handle(data, context)
        finally:
            os.pwrite(self._busy, BUSY.pack(0.0), 0)
        for index in range(len(answers)):
            context.set_response_header(index, ANSWER_HEADER, "1")
        return answers

    def _tell(self, message: str) -> None:
        self._link.sendall(message.encode("utf-8", "replace") + b"\n")


def _connect(path: str) -> socket.socket:
    """Connect to the front, and watch for its end: with it gone, nobody else would end the model server and its workers."""
    link = socket.socket(socket.AF_UNIX)
    try:
        link.connect(path)
    except OSError:
        _end_group()

    def watch() -> None:
        link.recv(1)  # the front never writes; this returns when it is gone
        _end_group()

    threading.Thread(target=watch, daemon=True, name="front-watch").start()
    return link


def _go_first() -> None:
    """When memory runs out, the kernel is to take the worker with the large picture, not the model server or the front."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")


def _end_group() -> None:
    # The model server was started as the leader of its own group, and the workers are its children.
    os.killpg(os.getpgid(0), signal.SIGKILL)


def _reason(error: Exception) -> str:
    if isinstance(error, ServeError | ContractError):
        return " ".join(str(error).split())
    log.event("load_failed", "error", traceback=traceback.format_exc())
    return f"the model cannot be loaded: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
