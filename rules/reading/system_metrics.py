"""A job's system metrics are read while they are being written: use of each CPU and GPU, memory, I/O wait, network.

Files are those of SageMaker's agent, one JSON object a line, and so are the names of the dimensions; some are Kennel's own.
Where the training program took samples of its own beside the platform's, those are taken: they say more, and both together
would count everything twice.
"""

import json
import re
from array import array
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rules.errors import SourceError
from rules.reading.json_fields import finite
from rules.reading.source import Source

CPU, IO_WAIT = "CPUUtilization", "I/OWaitPercentage"
GPU, GPU_MEMORY = "GPUUtilization", "GPUMemoryUtilization"
GPU_FOOTPRINT = "GPUMemoryUsedPercent"
"""Percent of a GPU's memory that is taken. GPUMemoryUtilization is the activity of the memory's controller."""
SAME_TIME = 0.02
"""Seconds within which samples of different cores are one snapshot of a node."""

PLATFORM, OWN = "system/", "train/system/"
"""Where the platform's samples are, and the training program's."""

_FILE = re.compile(r"(\d{10})\.(algo-\d+)\.json$")


@dataclass(slots=True)
class Series:
    """One metric of one device, in the order of time: 16 bytes a sample, for a job that runs for days has many."""

    times: "array[float]" = field(default_factory=lambda: array("d"))
    values: "array[float]" = field(default_factory=lambda: array("d"))

    def last(self, count: int) -> NDArray[np.float64]:
        return np.array(self.values[-count:])


@dataclass(frozen=True, slots=True)
class NodeSamples:
    """A metric of all of a node's devices, at each sample: [samples]."""

    times: NDArray[np.float64]
    total: NDArray[np.float64]
    mean: NDArray[np.float64]


class SystemMetrics:
    """The samples so far. `poll` reads what is new."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._folder = PLATFORM
        self._read: dict[str, int] = {}
        self._series: dict[tuple[str, str, str], Series] = {}
        self.started: float | None = None

    def poll(self) -> None:
        """Reads the lines that are complete since the last call. Raises SourceError."""
        if self._folder == PLATFORM and any(_FILE.search(file.name) for file in self._source.files(OWN)):
            self._folder = OWN
            self._read.clear()
            self._series.clear()
        for file in self._source.files(self._folder):
            match = _FILE.search(file.name)
            done = self._read.get(file.name, 0)
            if match and file.size > done:
                fresh = self._source.read(file.name, done)
                whole = fresh[: fresh.rfind(b"\n") + 1]
                self._take(file.name, match[2], whole)
                self._read[file.name] = done + len(whole)

    def dimensions(self) -> set[str]:
        """The dimensions that were sampled."""
        return {dimension for _, dimension, _ in self._series}

    def nodes(self) -> list[str]:
        """algo-1 and so on."""
        return sorted({node for node, _, _ in self._series})

    def devices(self, dimension: str) -> dict[tuple[str, str], Series]:
        """The series of a dimension, by node and device."""
        return {(node, name): series for (node, found, name), series in sorted(self._series.items()) if found == dimension}

    def node_samples(self, dimension: str, node: str) -> NodeSamples | None:
        """A dimension over all of a node's devices; None where it was not sampled."""
        series = [one for (where, _), one in self.devices(dimension).items() if where == node]
        if not series:
            return None
        times = np.concatenate([one.times for one in series])
        values = np.concatenate([one.values for one in series])
        order = np.argsort(times, kind="stable")
        times, values = times[order], values[order]
        starts = np.flatnonzero(np.diff(times, prepend=-np.inf) > SAME_TIME)
        total = np.add.reduceat(values, starts)
        return NodeSamples(times[starts], total, total / np.diff(starts, append=len(times)))

    def _take(self, name: str, node: str, lines: bytes) -> None:
        for line in lines.splitlines():
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                at, value = finite(row["Timestamp"]), finite(row["Value"])
                dimension, device = str(row["Dimension"]), str(row.get("Name") or row.get("Type") or "")
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise SourceError(f"{name}: a line is no system metric: {error!r}.") from None
            series = self._series.setdefault((str(row.get("NodeId") or node), dimension, device), Series())
            if series.times and at < series.times[-1]:
                continue  # a host's clock was set back: order matters more than one sample
            series.times.append(at)
            series.values.append(value)
            self.started = at if self.started is None else min(at, self.started)
