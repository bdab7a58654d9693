"""The step timeline: whole steps from start to start and their parts, as smdebug's framework events (Chrome traces).

<folder>/framework/pevents/<YYYYMMDDHH>/<end, µs>_<pid>-<host>_pythontimeline.json. A file is written whole, once it is due, so
a killed job leaves no half file and loses what came after the last one. On a GPU the parts are CUDA events, read when the
GPU has passed them: no step waits for a measurement. The caller's marks say where each part begins.
"""

import json
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch

from contract.files import write_whole
from contract.timeline import DATA_WAIT, EVAL, PARTS, TRAIN, step_phase

Item = TypeVar("Item")
_PHASES = (step_phase(TRAIN), step_phase(EVAL), *PARTS)
_ROW_BYTES = 150


@dataclass(slots=True)
class _Part:
    """`start` and `seconds` by the host's clock; the events are the GPU's."""

    name: str
    start: float
    seconds: float = 0.0
    begun: torch.cuda.Event | None = None
    ended: torch.cuda.Event | None = None


@dataclass(slots=True)
class _Step:
    mode: str
    number: int
    start: float
    seconds: float = 0.0
    parts: list[_Part] = field(default_factory=list)


class Timeline:
    """Measures steps and writes them to files. `host`: the node's name in the files, such as algo-1. `say`: is told once when a
    file cannot be written; nothing is raised for that."""

    def __init__(
        self,
        folder: Path,
        host: str,
        device: torch.device,
        say: Callable[[str], None],
        *,
        rotate_seconds: float = 60.0,
        rotate_bytes: int = 10 << 20,
    ) -> None:
        self._folder, self._host, self._say = folder / "framework" / "pevents", host, say
        self._rotate = rotate_seconds, rotate_bytes // _ROW_BYTES
        self._cuda = device.type == "cuda"
        self._zero, self._epoch = time.perf_counter(), time.time()
        self._flushed, self._said = self._zero, False
        self._step: _Step | None = None
        self._part: _Part | None = None
        self._pending: deque[_Step] = deque()
        self._rows: list[str] = []
        self._last_eval = 0

    def steps(self, mode: str, batches: Iterator[Item], first: int = 0) -> Iterator[Item]:
        """The batches, each a step from here on: the wait for it, what the caller marks, until the next one is asked for.

        Training steps are numbered from `first`, as the job counts them. Evaluation steps count on over all evaluations, with a
        gap before each: what lies between two of them is no step.
        """
        if mode == EVAL:
            first = self._last_eval + 2
        number = first
        try:
            while True:
                self._begin(mode, number)
                try:
                    batch = next(batches)
                except StopIteration:
                    self._step = self._part = None  # a wait for nothing
                    return
                self.mark(None)
                yield batch
                number += 1
        finally:
            self._end()
            if mode == EVAL:
                self._last_eval = number

    def mark(self, part: str | None) -> None:
        """A part of the step begins, and the one before it ends; None for what belongs to no part."""
        if self._step is None:
            return
        now, event = time.perf_counter(), None
        if self._cuda:
            event = torch.cuda.Event(enable_timing=True)
            event.record()
        if self._part is not None:
            self._part.seconds, self._part.ended = now - self._part.start, event
            self._step.parts.append(self._part)
        self._part = _Part(part, now, begun=event) if part else None

    def close(self) -> None:
        """Writes what is left."""
        self._end()
        if self._cuda and self._pending:
            torch.cuda.synchronize()
        self._settle()
        self._flush()

    def _begin(self, mode: str, number: int) -> None:
        now = self._end()
        self._settle()
        seconds, rows = self._rotate
        if len(self._rows) >= rows or now - self._flushed >= seconds:
            self._flush()
        self._step = _Step(mode, number, now)
        self.mark(DATA_WAIT)

    def _end(self) -> float:
        """Ends the step, if there is one, and returns when: the next one begins at that very moment."""
        self.mark(None)
        now = time.perf_counter()
        if self._step is not None:
            self._step.seconds = now - self._step.start
            self._pending.append(self._step)
        self._step = None
        return now

    def _settle(self) -> None:
        """Turns into rows the steps that the GPU has passed."""
        while self._pending and all(part.ended is None or part.ended.query() for part in self._pending[0].parts):
            step = self._pending.popleft()
            self._row(step_phase(step.mode), step, step.start, step.seconds)
            for part in step.parts:
                seconds = part.seconds
                if part.begun is not None and part.ended is not None and part.name != DATA_WAIT:
                    seconds = part.begun.elapsed_time(part.ended) / 1000
                self._row(part.name, step, part.start, seconds)

    def _row(self, phase: str, step: _Step, start: float, seconds: float) -> None:
        at, length, pid = int((start - self._zero) * 1e6), int(seconds * 1e6), os.getpid()
        self._rows.append(
            f'{{"name":"{phase}","pid":{_PHASES.index(phase)},"ph":"X","ts":{at},"dur":{length},'
            f'"args":{{"pid":{pid},"step_num":"{step.number}","mode":"{step.mode}"}}}}'
        )

    def _flush(self) -> None:
        self._flushed = time.perf_counter()
        if not self._rows:
            return
        end = self._epoch + self._flushed - self._zero
        path = self._folder / time.strftime("%Y%m%d%H", time.gmtime(end)) / f"{int(end * 1e6)}_{self._name()}"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, "[\n" + ",\n".join([*self._heads(), *self._rows]) + "\n]\n")
        except OSError as error:
            if not self._said:
                self._say(f"the step timeline cannot be written to {self._folder}: {error.strerror}; training goes on without")
            self._said = True
        self._rows.clear()

    def _name(self) -> str:
        return f"{os.getpid()}-{self._host}_pythontimeline.json"

    def _heads(self) -> Iterator[str]:
        """The names of the phases, which stand where Chrome has processes; the first tells what times are counted from."""
        for number, phase in enumerate(_PHASES):
            arguments: dict[str, Any] = {"name": phase}
            if number == 0:
                arguments["start_time_since_epoch_in_micros"] = int(self._epoch * 1e6)
            yield json.dumps({"name": "process_name", "ph": "M", "pid": number, "args": arguments})
            yield json.dumps({"name": "process_sort_index", "ph": "M", "pid": number, "args": {"sort_index": number}})
