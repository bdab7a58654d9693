"""A job that runs in a thread of its own and that a stop of the server ends: what training and processing jobs share."""

import threading
import time

from ..containers.record_thread import R, RecordThread
from ..context import Context
from ..storage.store import Kind

ABANDON_GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL when the server itself is being stopped."""


class JobThread(RecordThread[R]):
    """The life of one job from here to its end."""

    def __init__(self, context: Context, kind: Kind[R], name: str) -> None:
        super().__init__(context, kind, name)
        self._holder = f"{kind}/{name}"
        self._abandoned: tuple[str, float] | None = None
        self._stop_asked = threading.Event()

    def ask_to_stop(self) -> None:
        """A stop was asked for, for the first time or again; the record says so. It is looked at once."""
        self._stop_asked.set()
        self._wake.set()

    def abandon(self, reason: str) -> None:
        """The server stops: ends the containers soon, and the job Failed with this reason."""
        self._abandoned = reason, time.monotonic()
        self._server_stops.set()
        self._wake.set()

    def _upload_given_up(self) -> bool:
        """Whether an upload at the job's end is to be given up: a stop was asked for since it began, or the server stops."""
        late = self._abandoned is not None and time.monotonic() - self._abandoned[1] >= ABANDON_GRACE
        return late or self._stop_asked.is_set()
