"""What a container prints: followed from its log file into log events, a bounded piece at a time."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from ..storage.log_events import Events
from .untrusted_folder import Refused, UntrustedFolder

CHUNK = 1 << 18
"""Bytes taken from a log at a time, so that whoever follows it looks up in between and holds no more."""
END_PATIENCE = 30.0
"""Seconds to take in what a program printed faster than its lines could be kept, once it has ended by itself."""
STOP_PATIENCE = 0.5
"""The same, once it was ended by us."""


@dataclass
class LogFollower:
    """Follows one file into one log stream. `offset` (bytes) is how far it came: keep it, and go on after a restart.

    The stream itself knows how much of the file it has. So what a killed server appended, and had no time to keep the offset of,
    is returned once more and not appended twice.
    """

    events: Events
    group: str
    stream: str
    path: Path
    offset: int = 0
    behind: bool = False
    """Whether there may be more at once than the last call took."""
    _in_stream: int | None = None
    """How many bytes of the file were in the stream when this server first looked."""

    def poll(self, *, final: bool = False) -> list[str]:
        """The lines that were completed since the last call, up to CHUNK bytes of them; all are appended to the stream.

        `final` takes the last line without its end, too. A line longer than CHUNK comes in pieces.
        """
        again = max(0, self._appended() - self.offset)
        chunk = self._read(min(again, CHUNK) or CHUNK)
        self.behind = again > 0 or len(chunk) == CHUNK
        end = chunk.rfind(b"\n") + 1
        if 0 < again == len(chunk) or (final and not self.behind):
            end = len(chunk)
        elif not end and len(chunk) == CHUNK:
            end = chunk.rfind(b"\r") + 1 or CHUNK  # a progress bar is cut between two of its states
        if not end:
            return []
        found = [line.rstrip("\r") for line in chunk[:end].decode("utf-8", "replace").removesuffix("\n").split("\n")]
        if not again:
            self.events.append(self.group, self.stream, found, followed=self.offset + end)
        self.offset += end
        return found

    def rest(self, until: float) -> list[str] | None:
        """The next lines of a log that grows no more; None when there is none left.

        After `until` (as time.monotonic counts) only its end is taken; the log stream says how much is left out.
        """
        begin = max(self.offset, self._appended())
        left = self._size() - begin
        if time.monotonic() >= until and left > CHUNK:
            skipped = left - CHUNK
            note = f"[platform] {skipped:,} bytes of the log are left out here: they came faster than they can be kept."
            self.events.append(self.group, self.stream, [note], followed=begin + skipped)
            self.offset = begin + skipped
        return self.poll(final=True) or None

    def _appended(self) -> int:
        if self._in_stream is None:
            self._in_stream = self.events.followed(self.group, self.stream)
        return self._in_stream

    def _size(self) -> int:
        try:
            with UntrustedFolder(self.path.parent).reader(self.path.name) as file:
                return file.seek(0, os.SEEK_END)
        except FileNotFoundError:
            return 0

    def _read(self, size: int) -> bytes:
        try:
            with UntrustedFolder(self.path.parent).reader(self.path.name) as file:
                file.seek(self.offset)
                return file.read(size)
        except FileNotFoundError:
            return b""


def tail(path: Path, lines: int = 5, limit: int = 700) -> str:
    """The last lines of a log as one line of at most `limit` characters: for a FailureReason."""
    try:
        with UntrustedFolder(path.parent).reader(path.name) as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 8192))
            found = file.read().decode("utf-8", "replace").split("\n")
    except FileNotFoundError:
        return ""
    except Refused as refused:
        return str(refused)
    return " | ".join(line.strip() for line in [line for line in found if line.strip()][-lines:])[-limit:]
