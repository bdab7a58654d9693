"""A job's framework events are read while they are being written: smdebug's Chrome traces below framework/pevents.

A step lasts from its start to the start of the next one. The event that smdebug's hook writes for a step of PyTorch covers
its forward pass and loss alone, about a quarter of it.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from contract.timeline import PARTS
from rules.errors import SourceError
from rules.reading.json_fields import finite, text, whole
from rules.reading.source import Source

LOADERS = ("DataLoaderWorker", "DataLoaderIter")

_FILE = re.compile(r"(\d+)_(\d+)-([^_/]+)_\w*timeline\.json$")
_STEP = re.compile(r"^Step:(?:ModeKeys\.)?(\w+)$")


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `start` and `seconds` in seconds (since the epoch); `process` is the program's process id."""

    phase: str
    name: str
    start: float
    seconds: float
    node: str
    process: int
    step: int | None
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TimedStep:
    """A whole step. `parts`: the seconds of each part of a step that was written for it."""

    node: str
    mode: str
    number: int
    start: float
    seconds: float
    parts: dict[str, float]


class Timeline:
    """The events so far. `poll` reads new files; a file is read once, for it has its name only when it is complete."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._read: set[str] = set()
        self.events: list[Event] = []
        self.files = 0

    def poll(self) -> None:
        """Reads the files that are new. Raises SourceError."""
        for file in self._source.files("framework/"):
            match = _FILE.search(file.name)
            if match and file.name not in self._read:
                self._read.add(file.name)
                self.events += _events(self._source, file.name, int(match[2]), match[3])
        self.events.sort(key=lambda event: event.start)

    def steps(self) -> list[TimedStep]:
        """The steps that have one after them, in the order of their start. A step before another mode's is left out: what lies
        between is no step."""
        parts: dict[tuple[str, int, str, int | None], dict[str, float]] = defaultdict(lambda: defaultdict(float))
        starts: dict[tuple[str, int], list[tuple[Event, str]]] = defaultdict(list)
        for event in self.events:
            if event.phase in PARTS:
                mode = str(event.arguments.get("mode", ""))
                parts[event.node, event.process, mode, event.step][event.phase] += event.seconds
            elif match := _STEP.match(event.phase):
                starts[event.node, event.process].append((event, match[1]))
        found = []
        for steps in starts.values():
            for (event, mode), (after, next_mode) in pairwise(steps):
                if mode == next_mode and (after.step is None or event.step is None or after.step == event.step + 1):
                    own = next((dict(parts[key]) for key in _keys(event, mode) if key in parts), {})
                    found.append(TimedStep(event.node, mode, event.step or 0, event.start, after.start - event.start, own))
        return sorted(found, key=lambda step: step.start)

    def first_step(self) -> float | None:
        """When the first step began."""
        return next((event.start for event in self.events if _STEP.match(event.phase)), None)

    def events_of(self, phases: Iterable[str]) -> list[Event]:
        """The events of these phases."""
        wanted = set(phases)
        return [event for event in self.events if event.phase in wanted]


def _keys(event: Event, mode: str) -> Iterable[tuple[str, int, str, int | None]]:
    """Where the parts of a step are: by its mode, which Kennel's events say; smdebug's say none."""
    return ((event.node, event.process, said, event.step) for said in (mode, ""))


def _events(source: Source, name: str, process: int, node: str) -> list[Event]:
    body = source.read(name).rstrip().rstrip(b",")
    try:
        rows = json.loads(body if body.endswith(b"]") else body + b"]")
        phases, zero, found = {}, 0.0, []
        for row in rows:
            arguments = row.get("args") or {}
            if row["ph"] == "M" and row["name"] == "process_name":
                phases[row["pid"]] = text(arguments.get("name", ""))
                zero = finite(arguments.get("start_time_since_epoch_in_micros", zero))
            elif row["ph"] == "X":
                step = arguments.get("step_num")
                start, said = finite(zero + finite(row["ts"])) / 1e6, text(row["name"])
                phase, number = phases.get(row["pid"], said), whole(step) if step is not None else None
                own, seconds = whole(arguments.get("pid", process)), finite(row.get("dur", 0)) / 1e6
                found.append(Event(phase, said, start, seconds, node, own, number, arguments))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SourceError(f"{name} is no timeline of smdebug's: {error!r}.") from None
    return found
