"""These rules look at what GPUs wait for: CPUs, disks and networks, the data loader."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from rules.checks.parameters import number
from rules.checks.profiler_rule import TIMELINE, ProfilerRule
from rules.checks.rule import Evidence
from rules.reading.profile import Profile
from rules.reading.system_metrics import CPU, GPU, IO_WAIT, SAME_TIME, NodeSamples, SystemMetrics
from rules.reading.timeline import LOADERS


def at_the_same_time(samples: NodeSamples, times: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The newest of `values` at each of `times`, at the times of `samples`; NaN before the first."""
    found = np.searchsorted(times, samples.times + SAME_TIME, side="right") - 1
    return np.where(found >= 0, values[np.maximum(found, 0)], np.nan)


@dataclass(kw_only=True)
class _Bottleneck(ProfilerRule):
    """In more than `threshold` percent of the samples, the GPUs idle while something else is busy."""

    what: ClassVar[str] = ""
    threshold: float = number(50.0, 0, 100)
    gpu_threshold: float = number(10.0, 0, 100)
    patience: int = number(1000, 1)

    def busy(self, system: SystemMetrics, node: str) -> tuple[NDArray[np.float64], NDArray[np.float64], float] | None:
        """Times and percent of what may be the bottleneck, and the limit above which it is."""
        raise NotImplementedError

    def look(self, profile: Profile) -> Iterator[Evidence]:
        for node in profile.system.nodes():
            gpus, other = profile.system.node_samples(GPU, node), self.busy(profile.system, node)
            if gpus is None or other is None:
                continue
            times, values, limit = other
            self.datapoints = max(self.datapoints, len(gpus.times))
            if len(gpus.times) <= self.patience:
                continue
            held = (gpus.mean < self.gpu_threshold) & (at_the_same_time(gpus, times, values) > limit)
            share = 100 * float(held.mean())
            message = f"in {share:.3g} % of {len(held)} samples the GPUs are below {self.gpu_threshold:g} % and {self.what} above"
            yield from self.judge(node, share, share > self.threshold, self.threshold, f"{message} {limit:g} %")


@dataclass(kw_only=True)
class CPUBottleneck(_Bottleneck):
    """In more than `threshold` percent of the samples the GPUs' mean is below `gpu_threshold`, the CPUs' above `cpu_threshold`.

    AWS counts a sample when any one core is busy and any one GPU idle: of its own reports' bottlenecks, 86 and 89 % had exactly
    one busy core of eight.
    """

    needs = (CPU, GPU)
    what = "the CPUs are"
    advice = "Do less on the CPU for each picture (smaller files, faster decoding), or take an instance with more cores."
    cpu_threshold: float = number(90.0, 0, 100)

    def busy(self, system: SystemMetrics, node: str) -> tuple[NDArray[np.float64], NDArray[np.float64], float] | None:
        cpus = system.node_samples(CPU, node)
        return None if cpus is None else (cpus.times, cpus.mean, self.cpu_threshold)


@dataclass(kw_only=True)
class IOBottleneck(_Bottleneck):
    """In more than `threshold` percent of the samples the GPUs' mean is below `gpu_threshold` and the cores together wait for I/O
    more than `io_threshold` percent of one core's time.

    AWS takes any one core above it. One program that waits moves between cores, so that no single one shows it; the sum does.
    """

    needs = (IO_WAIT, GPU)
    what = "the wait for I/O is"
    advice = "Read fewer and larger files, keep them on a local disk, or use FastFile mode."
    io_threshold: float = number(50.0, 0, 100)

    def busy(self, system: SystemMetrics, node: str) -> tuple[NDArray[np.float64], NDArray[np.float64], float] | None:
        waits = system.node_samples(IO_WAIT, node)
        return None if waits is None else (waits.times, waits.total, self.io_threshold)


@dataclass(kw_only=True)
class Dataloader(ProfilerRule):
    """The training waits for its data: more than `wait_threshold` percent of the steps' time is waiting.

    Where the timeline does not say how long steps wait, AWS's way: the median over seconds of how many data loader processes
    worked is below `min_threshold` or above `max_threshold` percent of the number of cores, after `patience` seconds.
    A loader with fewer processes than cores is no defect while no step waits for it.
    """

    advice = "Raise num_workers, set persistent_workers and pin_memory, decode smaller pictures."
    min_threshold: float = number(70.0, over=0)
    max_threshold: float = number(200.0, over=0)
    patience: int = number(10, 0)
    wait_threshold: float = number(30.0, 0, 100)
    _why: str = field(init=False, repr=False, default="")

    def look(self, profile: Profile) -> Iterator[Evidence]:
        waits: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for step in profile.timeline.steps():
            if "DataWait" in step.parts:
                waits[step.node].append((step.parts["DataWait"], step.seconds))
        for node, pairs in waits.items():
            self.datapoints += len(pairs)
            share = 100 * sum(wait for wait, _ in pairs) / max(1e-9, sum(whole for _, whole in pairs))
            message = f"{share:.3g} % of the time of {len(pairs)} steps is waiting for data"
            yield from self.judge(node, share, share > self.wait_threshold, self.wait_threshold, message)
        if not waits:
            yield from self._by_processes(profile)

    def _by_processes(self, profile: Profile) -> Iterator[Evidence]:
        cores = len({name for _, name in profile.system.devices(CPU)})
        events = profile.timeline.events_of(LOADERS)
        self._why = "" if events and cores else TIMELINE
        working: dict[tuple[str, int], set[int]] = defaultdict(set)
        for event in events:
            working[event.node, int(event.start)].add(event.process)
        for node in {node for node, _ in working} if cores else ():
            counts = [len(found) for (where, _), found in working.items() if where == node]
            self.datapoints += len(counts)
            if len(counts) <= self.patience:
                continue
            share = 100 * float(np.median(counts)) / cores
            bad = not self.min_threshold <= share <= self.max_threshold
            limit = self.min_threshold if share < self.min_threshold else self.max_threshold
            message = f"{np.median(counts):g} data loader processes work at a time, for {cores} cores"
            yield from self.judge(node, share, bad, limit, message)

    def missing_input(self) -> str | None:
        return f"Dataloader could not be evaluated: {self._why}" if self._why and not self.tested else None
