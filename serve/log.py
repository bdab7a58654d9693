"""One JSON line an event on standard output, where SageMaker picks logs up. Not a logging framework.

A line never raises and never waits: a thread writes it. What cannot be written, on a full disk or to a reader that has stopped or
gone, is dropped and counted, and the count is the first line once writing works again.
"""

import json
import os
import queue
import threading
import time
from datetime import UTC, datetime
from typing import Any

STDOUT, STDERR = 1, 2
HELD_LINES = 1000
"""Lines that wait for the thread, at most."""
FIELD_LIMIT = 8192
"""Characters of one field that are kept, the last ones: of a traceback, those that say what went wrong."""


class Writer:
    """Writes whole lines to a file descriptor, from a thread that starts with the first line."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lines: queue.Queue[bytes] = queue.Queue(HELD_LINES)
        self._lock = threading.Lock()
        self._started = False
        self._lost = 0
        self._torn = b""
        """A line end, where the last line was written in part."""

    def add(self, line: bytes) -> None:
        """Takes a line, with its end; drops it where too many wait."""
        try:
            with self._lock:
                if not self._started:
                    threading.Thread(target=self._run, name="log", daemon=True).start()
                    self._started = True
            self._lines.put_nowait(line)
        except (queue.Full, RuntimeError):  # RuntimeError: no more threads can be started
            with self._lock:
                self._lost += 1

    def flush(self, seconds: float) -> None:
        """Waits until all lines are written or dropped, but no longer than `seconds`."""
        end = time.monotonic() + seconds
        while self._lines.unfinished_tasks and time.monotonic() < end:
            time.sleep(0.002)

    def _run(self) -> None:
        while True:
            line = self._lines.get()
            lost = self._lost
            if lost and self._write(_line("log_lines_lost", "warning", {"count": lost})):
                with self._lock:
                    self._lost -= lost
            if not self._write(line):
                with self._lock:
                    self._lost += 1
            self._lines.task_done()

    def _write(self, line: bytes) -> bool:
        rest = self._torn + line
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            if len(rest) < len(line):
                self._torn = b"\n"
            return False
        self._torn = b""
        return True


_output, _errors = Writer(STDOUT), Writer(STDERR)


def event(name: str, level: str = "info", **fields: Any) -> None:
    """Prints `name` and its fields as one line, soon."""
    _output.add(_line(name, level, fields))


def copy(lines: bytes) -> None:
    """Passes on what another process has printed, soon."""
    _output.add(lines)


def last_line(text: str) -> None:
    """Says on standard error why the program ends; where that cannot be written, it ends all the same."""
    _errors.add(text.encode("utf-8", "replace") + b"\n")
    _errors.flush(1.0)


def flush(seconds: float = 1.0) -> None:
    """Waits until all events are written, but no longer than `seconds`: for the end of a process."""
    _output.flush(seconds)


def hold_standard_streams() -> None:
    """Opens /dev/null in the place of standard streams that are closed: the next socket would be given such a number, and log
    lines would be written into it."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


def _line(name: str, level: str, fields: dict[str, Any]) -> bytes:
    told: dict[str, Any] = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "level": level, "event": name}
    for key, value in fields.items():
        told[key] = value[-FIELD_LIMIT:] if isinstance(value, str) else value
    return json.dumps(told, default=str).encode("ascii") + b"\n"
