"""A thread whose state is a record in the store: what training, processing and tuning jobs and endpoints share.

What a full disk refuses is repeated until there is room, so that neither a job nor the truth about it is lost. What the thread
does is its subclass's `_run`.
"""

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Generic, TypedDict, TypeVar

from ..context import Context
from ..errors import Missing
from ..storage.full_disk import refused_by_disk
from ..storage.store import Kind

RETRY = 0.5
"""Seconds until what the disk refused is tried again."""

T = TypeVar("T")
log = logging.getLogger(__name__)


class Dated(TypedDict):
    """A record that says when it was changed last."""

    modified: float


R = TypeVar("R", bound=Dated)


class RecordThread(ABC, Generic[R]):
    """The life of one resource from here to its end. `kind`: of its record, which is called `name`."""

    def __init__(self, context: Context, kind: Kind[R], name: str) -> None:
        self._context = context
        self._kind = kind
        self._name = name
        self._wake = threading.Event()
        self._server_stops = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, *, adopt: bool = False) -> None:
        """Begins; with `adopt`, from where the last server left it."""
        self._thread = threading.Thread(target=self._run, args=(adopt,), name=f"{self._kind} {self._name}", daemon=True)
        self._thread.start()

    def join(self, timeout: float | None = None) -> None:
        """Waits until it has ended."""
        if self._thread is not None:
            self._thread.join(timeout)

    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._thread is not None and self._thread.is_alive()

    def wake(self) -> None:
        """The record has changed (a stop was asked for): look at once."""
        self._wake.set()

    @abstractmethod
    def _run(self, adopt: bool) -> None:
        """Does what there is to do, in the thread; with `adopt`, from where the last server left it."""

    def _record(self) -> R:
        record = self._context.store.get(self._kind, self._name)
        if record is None:
            raise Missing(self._kind, self._name)
        return record

    def _update(self, change: Callable[[R, float], Any]) -> R:
        """Changes the record in place, patiently; `change` gets it and the time."""

        def apply(record: R) -> None:
            change(record, self._context.clock())
            record["modified"] = self._context.clock()

        return self._patiently(lambda: self._context.store.update(self._kind, self._name, apply))

    def _patiently(self, call: Callable[[], T], between: Callable[[], None] = lambda: None) -> T:
        """Repeats what fails because the disk is full or out of order, until it is done or the server stops, and calls
        `between` before each new try."""
        while True:
            try:
                return call()
            except Exception as error:
                if self._server_stops.is_set() or not refused_by_disk(error):
                    raise
                log.warning("%s %s waits: %s", self._kind, self._name, error)
                self._server_stops.wait(RETRY)
                between()
