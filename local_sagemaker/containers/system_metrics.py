"""The system metrics of a training job, as SageMaker's agent writes them for the profiler: CPU use and memory of this machine.

<folder>/system/incremental/<YYYYMMDDHH>/<epoch seconds>.<host>.json, one JSON object a line, a new file each minute
(and after a restart of this server). There is no
GPU, disk or network in them, and with hosts that are processes of one machine every host shows the same machine.
"""

import json
import time
from typing import BinaryIO

import psutil

from .untrusted_folder import UntrustedFolder

ROTATE_SECONDS = 60


class SystemMetrics:
    """Samples at an interval (milliseconds). `sample` is called often, and does nothing until it is time."""

    def __init__(self, folder: UntrustedFolder, host: str, interval: float) -> None:
        self._folder = folder / "system/incremental"
        self._folder.make()  # ours, before a program that runs as root makes its parents its own
        self._host = host
        self._interval = interval / 1000
        self._due = 0.0
        self._minute = 0
        self._file: BinaryIO | None = None
        self._before = psutil.cpu_times(percpu=True)

    def sample(self, now: float) -> None:
        """Appends one line for each CPU and one for the memory; `now` in epoch seconds. Raises Refused."""
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
        names = ("Type", "Name", "Dimension", "Value", "NodeId", "Timestamp")
        lines = [json.dumps(dict(zip(names, (*row, self._host, now), strict=True))) + "\n" for row in rows]
        self._of_minute(now).write("".join(lines).encode())

    def close(self) -> None:
        """No more samples."""
        if self._file is not None:
            self._file.close()

    def _of_minute(self, now: float) -> BinaryIO:
        """The file of this minute, which stays open: whatever a container puts in its place later is not written into."""
        minute = int(now - now % ROTATE_SECONDS)
        if self._file is None or minute != self._minute:
            self.close()
            self._file, self._minute = self._new_file(minute, now), minute
        return self._file

    def _new_file(self, minute: int, now: float) -> BinaryIO:
        hour = time.strftime("%Y%m%d%H", time.gmtime(minute))
        try:
            return self._folder.create(f"{hour}/{minute:010d}.{self._host}.json", buffering=0)
        except FileExistsError:  # of the server before this one
            return self._folder.create(f"{hour}/{now:.3f}.{self._host}.json", buffering=0)


def _busy(before: tuple[float, ...], after: tuple[float, ...]) -> float:
    """Percent of the time between two readings in which a CPU was not idle."""
    spent = sum(after) - sum(before)
    idle = after[3] - before[3]
    return round(100.0 * (1 - idle / spent), 2) if spent > 0 else 0.0
