"""What a layer below the command line may tell the person: lines and progress. cli/terminal.py shows them on a terminal."""

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Protocol


class Output(Protocol):
    """Where lines and progress go; a console or a test may have its own."""

    def line(self, text: str = "", style: str = "") -> None:
        """Show one line; `style` as rich names it, such as `red`."""

    def progress(self, what: str, unit: str = "") -> AbstractContextManager[Callable[[int, int], None]]:
        """Yield a function that is told how many `unit` are done, and of how many."""

    def changing(self, begin: str = "") -> AbstractContextManager[Callable[[str], None]]:
        """Yield a function that replaces the line shown last; `begin` is shown first."""


def complain(text: str) -> None:
    """Print one line on standard error."""
    with suppress(OSError):
        print(" ".join(text.split()), file=sys.stderr, flush=True)
