"""What a container prints: followed from its log file into log events, and searched for metrics by the job's regexes."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import validation
from ..storage.log_events import Events

CHUNK = 1 << 20
"""Bytes read from a log at a time."""
LINE_LIMIT = 8192
"""Characters of a line in which metrics are looked for."""


@dataclass
class LogFollower:
    """Follows one file into one log stream. `offset` (bytes) is how far it came: keep it, and go on after a restart."""

    events: Events
    group: str
    stream: str
    path: Path
    offset: int = 0

    def poll(self, *, final: bool = False) -> list[str]:
        """The lines that were completed since the last call, all of them appended to the stream.

        `final` takes the last line without its end, too.
        """
        lines: list[str] = []
        while chunk := self._read():
            end = len(chunk) if final or (len(chunk) == CHUNK and b"\n" not in chunk) else chunk.rfind(b"\n") + 1
            if not end:
                break
            found = [line.rstrip("\r") for line in chunk[:end].decode("utf-8", "replace").removesuffix("\n").split("\n")]
            self.events.append(self.group, self.stream, found)
            self.offset += end
            lines += found
        return lines

    def _read(self) -> bytes:
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset)
                return file.read(CHUNK)
        except FileNotFoundError:
            return b""


def tail(path: Path, lines: int = 5, limit: int = 700) -> str:
    """The last lines of a log as one line of at most `limit` characters: for a FailureReason."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 8192))
            found = file.read().decode("utf-8", "replace").split("\n")
    except FileNotFoundError:
        return ""
    return " | ".join(line.strip() for line in [line for line in found if line.strip()][-lines:])[-limit:]


@dataclass
class MetricScan:
    """The job's metric definitions at work: the last value of each metric, and every value of one that is `watched`."""

    definitions: Sequence[tuple[str, re.Pattern[str]]]
    watched: str | None = None
    last: dict[str, list[float]] = field(default_factory=dict)
    """Metric name to [value, epoch seconds]."""
    history: list[float] = field(default_factory=list)

    def feed(self, lines: Iterable[str], now: float) -> None:
        """Takes the numbers out of some lines. The first group of a regex is the number; what is no finite number is left out."""
        for line in lines:
            for name, regex in self.definitions:
                for match in regex.finditer(line[:LINE_LIMIT]):
                    try:
                        value = float(match.group(1))
                    except (ValueError, TypeError):
                        continue
                    if not math.isfinite(value):
                        continue
                    self.last[name] = [value, now]
                    if name == self.watched:
                        self.history.append(value)


def compile_definitions(algorithm: Mapping[str, Any]) -> list[tuple[str, re.Pattern[str]]]:
    """The MetricDefinitions of an AlgorithmSpecification. Raises ValidationException for a regex that cannot work."""
    compiled = []
    for definition in algorithm.get("MetricDefinitions", []):
        try:
            regex = re.compile(definition["Regex"])
        except re.error as error:
            raise validation(
                f"Regex {definition['Regex']!r} of metric {definition['Name']!r} in MetricDefinitions is not valid: {error}."
            ) from None
        if not regex.groups:
            raise validation(
                f"Regex {definition['Regex']!r} of metric {definition['Name']!r} in MetricDefinitions has no group:"
                " put the number in parentheses."
            )
        compiled.append((definition["Name"], regex))
    return compiled
