"""A job's report on standard output: metric lines for the platform, a line an epoch, and a live line on a terminal."""

import sys
import time

from contract import metrics


class Report:
    """Prints for all ranks: only the first rank's report says anything."""

    def __init__(self, speaks: bool) -> None:
        self._speaks = speaks
        self._live = speaks and sys.stdout.isatty()
        self._shown = 0.0

    def say(self, text: str) -> None:
        """Prints a line for a person."""
        if self._speaks:
            self._clear()
            print(text, flush=True)

    def metric(self, name: str, value: float) -> None:
        """Prints a metric as the platform's regexes find it, a line each."""
        self.say(metrics.metric(name).line(value))

    def progress(self, text: str) -> None:
        """Shows how far the job is, on a terminal only, at most ten times a second."""
        now = time.monotonic()
        if self._live and now - self._shown >= 0.1:
            self._shown = now
            print(f"\r\x1b[2K{text}", end="", flush=True)

    def _clear(self) -> None:
        if self._live:
            print("\r\x1b[2K", end="")
