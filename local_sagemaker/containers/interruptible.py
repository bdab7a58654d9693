"""Reading a large file on its way to S3 so that whoever asks for a stop need not wait for its end."""

from collections.abc import Callable, Iterator
from typing import BinaryIO

PIECE = 1 << 20
"""Bytes between two looks at whether to stop."""

Interrupt = Callable[[], bool]
"""Whether what is being done is to be given up."""


class Interrupted(Exception):
    """It was given up. Nothing was stored."""


def never() -> bool:
    """For what nobody can interrupt."""
    return False


class InterruptibleReader:
    """The first `size` bytes of a file. Every read raises Interrupted once `interrupt` says so."""

    def __init__(self, file: BinaryIO, size: int, interrupt: Interrupt) -> None:
        self._file = file
        self._left = size
        self._interrupt = interrupt

    def read(self, size: int = PIECE) -> bytes:
        """Up to `size` bytes; none at the end."""
        if self._interrupt():
            raise Interrupted
        piece = self._file.read(min(size, self._left))
        self._left -= len(piece)
        return piece

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.read, b"")
