"""What a layer below the command line may tell the person: lines and progress. cli/terminal.py shows them on a terminal.

Texts come from jobs, files and services, so whatever could command a terminal or disguise a text is shown as an escape. A
reader that has gone, as `head` does, stops no work.
"""

import os
import re
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Protocol

CONTROLS = re.compile(
    "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u061c\\u200b\\u200e\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ud800-\\udfff]"
)
"""C0 but tab and line feed, DEL, C1, what has no width, what turns the direction of a text, and lone surrogates."""


class Output(Protocol):
    """Where lines and progress go; a console or a test may have its own."""

    def line(self, text: str = "", style: str = "") -> None:
        """Show one line; `style` as rich names it, such as `red`."""

    def progress(self, what: str, unit: str = "") -> AbstractContextManager[Callable[[int, int], None]]:
        """Yield a function that is told how many `unit` are done, and of how many."""

    def changing(self, begin: str = "") -> AbstractContextManager[Callable[[str], None]]:
        """Yield a function that replaces the line shown last; `begin` is shown first."""


def harmless(text: str) -> str:
    """The text with each control character written out, such as ESC as `\\x1b`; tabs and line feeds stay."""
    return CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def emit(text: str) -> bool:
    """Print a line on standard output, for a person or a program. False when its reader has gone; the rest goes nowhere then."""
    try:
        print(harmless(text), flush=True)
    except BrokenPipeError:
        discard_output()
        return False
    return True


def discard_output() -> None:
    """Let what is still printed on standard output go nowhere; Python would complain of a closed pipe at its exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def complain(text: str) -> None:
    """Print one line on standard error."""
    with suppress(OSError):
        print(harmless(" ".join(text.split())), file=sys.stderr, flush=True)
