"""A job that runs in a thread of its own and keeps all that matters in its record: what training and processing jobs share.

The record is read and written here, patiently where the disk is full. What the job does is its subclass's `_run`.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from ..context import Context
from ..errors import AwsError, Missing

ABANDON_GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL when the server itself is being stopped."""

Record = dict[str, Any]
T = TypeVar("T")
log = logging.getLogger(__name__)


class JobThread:
    """The life of one job from here to its end. `kind`: of its record, which is called `name`."""

    def __init__(self, context: Context, kind: str, name: str) -> None:
        self._context = context
        self._kind = kind
        self._name = name
        self._holder = f"{kind}/{name}"
        self._wake = threading.Event()
        self._abandoned: tuple[str, float] | None = None
        self._thread: threading.Thread | None = None

    def start(self, *, adopt: bool = False) -> None:
        """Runs the job; with `adopt`, from where the last server left it."""
        self._thread = threading.Thread(target=self._run, args=(adopt,), name=f"{self._kind} {self._name}", daemon=True)
        self._thread.start()

    def join(self, timeout: float | None = None) -> None:
        """Waits until the job has ended."""
        if self._thread is not None:
            self._thread.join(timeout)

    def is_alive(self) -> bool:
        """Whether the job still runs."""
        return self._thread is not None and self._thread.is_alive()

    def wake(self) -> None:
        """The record has changed (a stop was asked for): look at once."""
        self._wake.set()

    def abandon(self, reason: str) -> None:
        """The server stops: ends the containers soon, and the job Failed with this reason."""
        self._abandoned = reason, time.monotonic()
        self._wake.set()

    def _run(self, adopt: bool) -> None:
        raise NotImplementedError

    def _record(self) -> Record:
        record = self._context.store.get(self._kind, self._name)
        if record is None:
            raise Missing(self._kind, self._name)
        return record

    def _update(self, change: Callable[[Record, float], None]) -> Record:
        def apply(record: Record) -> None:
            change(record, self._context.clock())
            record["modified"] = self._context.clock()

        return self._patiently(lambda: self._context.store.update(self._kind, self._name, apply))

    def _patiently(self, call: Callable[[], T]) -> T:
        """Repeats what fails because the disk is full or out of order: the job waits, it is not lost."""
        while True:
            try:
                return call()
            except AwsError as error:
                if error.status != 503 or self._abandoned:
                    raise
                log.warning("%s %s waits: %s", self._kind, self._name, error.message)
                time.sleep(1.0)
