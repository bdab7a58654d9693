"""The system sampler, a small process beside the training, writes the machine's use as SageMaker's profiler agent would.

<folder>/system/incremental/<YYYYMMDDHH>/<start of the minute>.<host>.json, one JSON object a line. Its own process, so that no
sample waits for the training's interpreter lock, nor the training for a sample.
"""

import contextlib
import errno
import json
import math
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from contract.machine import cgroup
from contract.machine.nvml import Nvml, Reading

ROTATE_SECONDS = 60
Row = tuple[str, str, str, float]
"""Type, Name, Dimension, Value."""


class Sampler:
    """Reads the counters of the CPUs, memory, disks, network and GPUs."""

    def __init__(self, gpus: Nvml) -> None:
        self._gpus = gpus
        self._cpus = cgroup.cpus()
        self._limit = cgroup.memory_limit()
        self._at = time.monotonic()
        self._times = psutil.cpu_times(percpu=True)
        self._used = cgroup.cpu_seconds()
        self._bytes = _bytes()

    def rows(self) -> list[Row]:
        """The use since the last call, one row a number: percent, bytes a second, watts."""
        before, self._at = self._at, time.monotonic()
        seconds = max(self._at - before, 1e-9)
        memory = ("memory", "MemoryUsedPercent", "Algorithm", self._memory())
        gpus = (row for number, gpu in enumerate(self._gpus.read()) for row in _gpu(f"gpu{number}", gpu))
        return [*self._processors(seconds), memory, *self._flow(seconds), *gpus]

    def _processors(self, seconds: float) -> Iterator[Row]:
        """Only the CPUs that this container may run on; and what it uses itself of the CPUs that it may use."""
        before, self._times = self._times, psutil.cpu_times(percpu=True)
        allowed = os.sched_getaffinity(0)
        if len(before) == len(self._times):
            for number, (old, new) in enumerate(zip(before, self._times, strict=True)):
                spent = sum(new[:8]) - sum(old[:8])  # after the eighth come guests, whose time is counted in the first two
                if spent > 0 and (number in allowed or max(allowed) >= len(before)):
                    wait = max(0.0, new.iowait - old.iowait)
                    idle = max(0.0, new.idle - old.idle) + wait
                    yield "cpu", f"cpu{number}", "CPUUtilization", 100 * max(0.0, 1 - idle / spent)
                    yield "cpu", f"cpu{number}", "I/OWaitPercentage", 100 * min(1.0, wait / spent)
        used, self._used = self._used, cgroup.cpu_seconds()
        if used is not None and self._used is not None:
            yield "cpu", "container", "ContainerCPUUtilization", max(0.0, 100 * (self._used - used) / seconds / self._cpus)

    def _memory(self) -> float:
        """Percent of what this container may use."""
        used = cgroup.memory_used() if self._limit else None
        return 100 * used / self._limit if self._limit and used is not None else psutil.virtual_memory().percent

    def _flow(self, seconds: float) -> Iterator[Row]:
        before, self._bytes = self._bytes, _bytes()
        for (kind, dimension), count in self._bytes.items():
            if (kind, dimension) in before:
                yield kind, kind, dimension, max(0, count - before[kind, dimension]) / seconds


def _bytes() -> dict[tuple[str, str], int]:
    """Bytes through this machine's disks and this container's network so far, without the loopback interface."""
    found: dict[tuple[str, str], int] = {}
    with contextlib.suppress(OSError, ValueError, RuntimeError, NotImplementedError):
        if disks := psutil.disk_io_counters():
            found |= {
                ("disk", "DiskReadBytesPerSecond"): disks.read_bytes,
                ("disk", "DiskWriteBytesPerSecond"): disks.write_bytes,
            }
    with contextlib.suppress(OSError, ValueError, RuntimeError):
        links = [counts for name, counts in psutil.net_io_counters(pernic=True).items() if name != "lo"]
        found["network", "NetworkReceiveBytesPerSecond"] = sum(link.bytes_recv for link in links)
        found["network", "NetworkTransmitBytesPerSecond"] = sum(link.bytes_sent for link in links)
    return found


def _gpu(name: str, gpu: Reading) -> Iterator[Row]:
    numbers = {
        "GPUUtilization": gpu.busy,
        "GPUMemoryUtilization": gpu.memory_busy,
        "GPUMemoryUsedPercent": gpu.memory_used,
        "GPUPowerWatts": gpu.power,
        "GPUThrottledPercent": None if gpu.slowed is None else 100.0 * gpu.slowed,
    }
    yield from (("gpu", name, dimension, value) for dimension, value in numbers.items() if value is not None)


class Lines:
    """The files. A line is whole or not there: what a full disk cut short is taken back, what a killed process left is
    cut off."""

    def __init__(self, folder: Path, host: str) -> None:
        self._folder, self._host = folder / "system" / "incremental", host
        self._minute, self._file = -1, -1

    def write(self, rows: list[Row], now: float) -> None:
        """Appends the rows of one moment (`now` in epoch seconds). Raises OSError."""
        minute = int(now // ROTATE_SECONDS) * ROTATE_SECONDS
        if minute != self._minute or self._file < 0:
            self._open(minute)
        moment = {"NodeId": self._host, "Timestamp": round(now, 3)}
        lines = (
            json.dumps({"Type": kind, "Name": name, "Dimension": dimension, "Value": round(value, 2)} | moment)
            for kind, name, dimension, value in rows
        )
        text = "".join(f"{line}\n" for line in lines).encode("ascii")
        size = os.fstat(self._file).st_size
        try:
            if os.write(self._file, text) < len(text):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            os.ftruncate(self._file, size)
            raise

    def _open(self, minute: int) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        path = self._folder / time.strftime("%Y%m%d%H", time.gmtime(minute)) / f"{minute:010d}.{self._host}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():  # of an attempt that was killed within this minute
            kept = path.read_bytes()
            os.truncate(path, kept.rfind(b"\n") + 1)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._minute = minute


def main() -> int:
    """`python -m train.profiling.system_sampler FOLDER HOST SECONDS`: samples until it is ended. Each problem is said once."""
    folder, host, interval = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    sampler, lines, said = Sampler(Nvml()), Lines(folder, host), False
    due = time.monotonic()
    while True:
        due += interval
        late = time.monotonic() - due
        due += max(0, math.ceil(late / interval)) * interval
        time.sleep(max(0.0, due - time.monotonic()))
        try:
            lines.write(sampler.rows(), time.time())
        except OSError as error:
            if not said:
                print(f"system metrics cannot be written to {folder}: {error.strerror}; training goes on without", flush=True)
            said = True


if __name__ == "__main__":
    sys.exit(main())
