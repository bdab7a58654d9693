"""A few chosen steps under torch.profiler, as a table of operators by their own time; and the floating-point work of one step.

Written to operators.json, once, when the last of them is done. The steps take the values they would have taken; they
only take longer. Not a trace: for each operator the sums over the chosen steps are kept.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

FILE = "operators.json"
SHOWN = 60
"""Operators of the table, those with the most time first; the others are one row together."""
_COUNTED = 2
"""The step of this run whose floating-point operations are counted: the first one also tunes and allocates."""


class Operators:
    """`begin` before the work of each training step, `end` after it. `folder` gets operators.json. `steps`: how many are
    profiled, after the one that is counted; with 0 nothing is done. `say` is told when the file cannot be written."""

    def __init__(self, folder: Path, steps: int, device: torch.device, say: Callable[[str], None]) -> None:
        self._folder, self._steps, self._device, self._say = folder, steps, device, say
        self._taken = 0
        self._counter: FlopCounterMode | None = None
        self._profile: profile | None = None
        self._flops: dict[str, int] = {}
        self._numbers: list[int] = []

    def begin(self, number: int) -> None:
        """`number`: the step's, as the job counts them."""
        self._taken += 1
        if not self._steps or self._taken > _COUNTED + self._steps:
            return
        if self._taken == _COUNTED:
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
        if self._profile is not None and self._taken == _COUNTED + self._steps:
            self.close()

    def close(self) -> None:
        """Ends a profile that the training did not live to see the end of, and writes what there is."""
        if self._profile is None:
            return
        self._profile.stop()
        body = self._table(self._profile.key_averages())
        self._profile = None
        path = self._folder / FILE
        aside = path.with_name(f".{FILE}")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            aside.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
            aside.replace(path)
        except OSError as error:
            self._say(f"{FILE} cannot be written to {self._folder}: {error.strerror}; training goes on without")

    def _table(self, averages: Any) -> dict[str, Any]:
        rows = [
            {
                "name": one.key,
                "calls": one.count,
                "self_cpu_us": round(one.self_cpu_time_total, 1),
                "self_device_us": round(one.self_device_time_total, 1),
                "self_cpu_bytes": one.self_cpu_memory_usage,
                "self_device_bytes": one.self_device_memory_usage,
            }
            for one in averages
        ]
        rows.sort(key=lambda row: (-row["self_device_us"], -row["self_cpu_us"]))
        rest = rows[SHOWN:]
        if rest:
            together = {name: sum(row[name] for row in rest) for name in rest[0] if name != "name"}
            rows = [*rows[:SHOWN], {"name": f"{len(rest)} others"} | together]
        return {
            "steps": self._numbers,
            "flops_per_step": sum(self._flops.values()),
            "flops": self._flops,
            "operators": rows,
        }


def _profiler(device: torch.device) -> profile:
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device.type == "cuda" else [])]
    return profile(activities=activities, profile_memory=True)
