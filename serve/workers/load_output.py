"""What a worker prints while it loads a model: passed on to the log as it comes, its last lines kept.

Once the model is loaded the worker prints to the log itself, and this program reads nothing of it.
"""

import asyncio
import os

from serve import log

_PIECE = 1 << 16
"""Bytes of the pipe: read at a time, and the longest line that is not cut."""
_TAIL = 1 << 15
_LINES, _WIDTH = 3, 160
_CRASH = "Fatal Python error: "
"""As faulthandler begins."""


class LoadOutput:
    """The pipe of one worker: `writer` is the end that it gets."""

    def __init__(self) -> None:
        """Reads from now on, in the running event loop. Raises OSError where no pipe can be had."""
        self._reader, self.writer = os.pipe()
        os.set_blocking(self._reader, False)
        self._line = self._tail = b""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._reader, self.read)

    def started(self) -> None:
        """The worker has its end, so this program gives its own copy up."""
        os.close(self.writer)

    def read(self) -> None:
        """Passes on what is there, and ends at the end of the pipe."""
        if self._reader < 0:
            return
        try:
            piece = os.read(self._reader, _PIECE)
        except BlockingIOError:
            return
        if not piece:
            self._loop.remove_reader(self._reader)
            os.close(self._reader)
            self._reader = -1
        self._tail = (self._tail + piece)[-_TAIL:]
        self._line += piece
        end = max(self._line.rfind(b"\n"), self._line.rfind(b"\r")) + 1
        if len(self._line) - end > _PIECE or not piece:
            end = len(self._line)
        if end:
            log.copy(self._line[:end])
            self._line = self._line[end:]

    def close(self) -> None:
        """Passes on what is left, and reads no more."""
        self.read()
        if self._reader >= 0:
            self._loop.remove_reader(self._reader)
            os.close(self._reader)
            self._reader = -1

    def last_lines(self) -> str:
        """The last lines in one; of a crash that Python has told, its name and the innermost places."""
        lines = [line.strip() for line in self._tail.decode(errors="replace").splitlines()]
        lines = [line for line in lines if line and not line.startswith('{"time": ')]
        crash = [number for number, line in enumerate(lines) if _CRASH in line]
        places = [line for line in lines[crash[-1] :] if line.startswith('File "')] if crash else []
        shown = [lines[crash[-1]], *places][:_LINES] if crash else lines[-_LINES:]
        cut = (line if len(line) <= _WIDTH else f"{line[: _WIDTH - 3]}..." for line in shown)
        return "".join(letter if letter.isprintable() else "?" for letter in " | ".join(cut))
