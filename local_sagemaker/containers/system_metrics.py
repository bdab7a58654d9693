"""The system metrics of a training job, as SageMaker's agent writes them for the profiler: CPU use and memory of this machine.

<folder>/system/incremental/<YYYYMMDDHH>/<epoch seconds>.<host>.json, one JSON object a line, a new file each minute. There is no
GPU, disk or network in them, and with hosts that are processes of one machine every host shows the same machine.
"""

import json
import time
from pathlib import Path

import psutil

ROTATE_SECONDS = 60


class SystemMetrics:
    """Samples at an interval (milliseconds). `sample` is called often, and does nothing until it is time."""

    def __init__(self, folder: Path, host: str, interval: float) -> None:
        self._folder = folder / "system" / "incremental"
        self._folder.mkdir(parents=True, exist_ok=True)  # ours, before a program that runs as root makes its parents its own
        self._host = host
        self._interval = interval / 1000
        self._due = 0.0
        self._before = psutil.cpu_times(percpu=True)

    def sample(self, now: float) -> None:
        """Appends one line for each CPU and one for the memory; `now` in epoch seconds."""
        if now < self._due:
            return
        self._due = now + self._interval
        after = psutil.cpu_times(percpu=True)
        rows = [
            ("cpu", f"cpu{number}", "CPUUtilization", _busy(*pair))
            for number, pair in enumerate(zip(self._before, after, strict=True))
        ]
        rows.append(("memory", "MemoryUsedPercent", "Algorithm", psutil.virtual_memory().percent))
        self._before = after
        started = int(now - now % ROTATE_SECONDS)
        file = self._folder / time.strftime("%Y%m%d%H", time.gmtime(started)) / f"{started:010d}.{self._host}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        names = ("Type", "Name", "Dimension", "Value", "NodeId", "Timestamp")
        with file.open("a") as out:
            for row in rows:
                out.write(json.dumps(dict(zip(names, (*row, self._host, now), strict=True))) + "\n")


def _busy(before: tuple[float, ...], after: tuple[float, ...]) -> float:
    """Percent of the time between two readings in which a CPU was not idle."""
    spent = sum(after) - sum(before)
    idle = after[3] - before[3]
    return round(100.0 * (1 - idle / spent), 2) if spent > 0 else 0.0
