"""The operators of a few steps under torch.profiler, as a table by their own time; and the floating-point operations of one step.

operators.json is written once, after the last of those steps. They compute what they would have computed and only take longer.
No trace is kept, only the sums of each operator over these steps.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch._C._autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from contract.files import write_whole
from contract.output_data import OPERATORS

SHOWN = 60
"""Operators of the table, those with the most time first; the others are one row together."""
_MEMORY, _OUTSIDE = "[memory]", "outside any operator"
Sums = defaultdict[str, float]
"""`calls`, microseconds and bytes of one operator; what is absent is nought."""
_COUNTED = 2
"""The step of this run whose floating-point operations are counted: the first one also tunes and allocates."""


class Operators:
    """`begin` before the work of each training step, `end` after it. `folder` gets operators.json. `steps`: how many are
    profiled, after the one that is counted; with 0 nothing is done. `say` is told when the file cannot be written."""

    def __init__(self, folder: Path, steps: int, device: torch.device, say: Callable[[str], None]) -> None:
        self._folder, self._steps, self._device, self._say = folder, steps, device, say
        self._taken, self._done = 0, False
        self._counter: Any = None  # torch's FlopCounterMode
        self._profile: profile | None = None
        self._flops: dict[str, int] = {}
        self._numbers: list[int] = []

    def begin(self, number: int) -> None:
        """`number`: the step's, as the job counts them."""
        self._taken += 1
        if not self._steps or self._taken > _COUNTED + self._steps:
            return
        if self._taken == _COUNTED:
            from torch.utils.flop_counter import FlopCounterMode  # brings a compiler along, for a second

            self._counter = FlopCounterMode(display=False)
            self._counter.__enter__()
        elif self._taken > _COUNTED:
            self._numbers.append(number)
            if self._profile is None:
                self._profile = _profiler(self._device)
                self._profile.start()

    def end(self) -> None:
        """The step is done; at the last of them the table is written."""
        if self._counter is not None:
            self._counter.__exit__(None, None, None)
            counts = self._counter.get_flop_counts().get("Global", {})
            self._flops = {str(name).replace(".", "::"): int(count) for name, count in counts.items()}
            self._counter = None
        if self._taken == _COUNTED + self._steps:
            self.close()

    def close(self) -> None:
        """Writes what there is, once: a training may end before the last of the chosen steps."""
        events: Sequence[Any] = ()
        if self._profile is not None:
            self._profile.stop()
            assert self._profile.profiler is not None and self._profile.profiler.kineto_results is not None
            events = self._profile.profiler.kineto_results.events()
        if self._done or not self._flops:
            return
        self._done, self._profile = True, None
        body = self._body(events)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_whole(self._folder / OPERATORS, json.dumps(body, indent=1) + "\n")
        except OSError as error:
            self._say(f"{OPERATORS} cannot be written to {self._folder}: {error.strerror}; training goes on without")

    def _body(self, events: Sequence[Any]) -> dict[str, Any]:
        operators, kernels = _own_times(events)
        return {
            "steps": self._numbers,
            "flops_per_step": sum(self._flops.values()),
            "flops": self._flops,
            "operators": _rows(operators),
            "kernels": _rows(kernels),
        }


def _sums() -> Sums:
    return defaultdict(int, calls=0, self_cpu_us=0)


def _own_times(events: Sequence[Any]) -> tuple[dict[str, Sums], dict[str, Sums]]:
    """Sums by name: of what ran on the CPU, without what it called; and of the kernels that ran on a GPU.

    torch's key_averages says the same and takes a second of Python to do so, 40 times as long.
    """
    operators: dict[str, Sums] = defaultdict(_sums)
    kernels: dict[str, Sums] = defaultdict(lambda: defaultdict(int))
    threads: dict[int, list[tuple[int, int, Any]]] = defaultdict(list)
    for event in events:
        if event.device_type() == DeviceType.CPU or event.name() == _MEMORY:
            if not event.is_async():
                threads[event.start_thread_id()].append((event.start_ns(), -event.duration_ns(), event))
        elif not event.is_user_annotation():
            kernels[event.name()]["calls"] += 1
            kernels[event.name()]["device_us"] += event.duration_ns() / 1000
    for thread in threads.values():
        running: list[tuple[int, str]] = []
        for start, negative, event in sorted(thread, key=lambda item: item[:2]):
            while running and running[-1][0] <= start:
                running.pop()
            caller = running[-1][1] if running else _OUTSIDE
            if event.name() == _MEMORY:
                where = "self_cpu_bytes" if event.device_type() == DeviceType.CPU else "self_device_bytes"
                operators[caller][where] += event.nbytes()
                continue
            # An operator that calls itself by its own name, as some do of other overloads, was called once.
            operators[event.name()]["calls"] += caller != event.name()
            operators[event.name()]["self_cpu_us"] -= negative / 1000
            if running:
                operators[caller]["self_cpu_us"] += negative / 1000
            running.append((start - negative, event.name()))
    return operators, kernels


def _rows(sums: Mapping[str, Sums]) -> list[dict[str, Any]]:
    """The rows of a table, the longest first; the last one is all that are not shown, together."""
    rows = sorted(sums.items(), key=lambda row: -row[1].get("self_cpu_us", 0) - row[1].get("device_us", 0))
    rest: Sums = defaultdict(int)
    for _, row in rows[SHOWN:]:
        for key, value in row.items():
            rest[key] += value
    shown = [*rows[:SHOWN], *([(f"{len(rows) - SHOWN} others", rest)] if rest else [])]
    return [{"name": name} | {key: round(value, 1) for key, value in row.items()} for name, row in shown]


def _profiler(device: torch.device) -> profile:
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device.type == "cuda" else [])]
    return profile(activities=activities, profile_memory=True)
