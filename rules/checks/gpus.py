"""These rules look at GPUs: too little to do, a small batch, growing memory, unequal loads."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from rules.checks.parameters import number
from rules.checks.profiler_rule import ProfilerRule
from rules.checks.rule import Evidence
from rules.reading.profile import Profile
from rules.reading.system_metrics import CPU, GPU, GPU_FOOTPRINT, GPU_MEMORY, SystemMetrics


def memory(system: SystemMetrics) -> str:
    """The dimension that says most of a GPU's memory: what is taken of it, or the activity where only that was sampled."""
    return GPU_FOOTPRINT if GPU_FOOTPRINT in system.dimensions() else GPU_MEMORY


@dataclass(kw_only=True)
class BatchSize(ProfilerRule):
    """CPUs, a GPU and its memory are all little used: the p95 of each over the last `window` samples is below its threshold.
    As AWS does it."""

    needs = (CPU, GPU)
    advice = "Take a larger batch, or a smaller instance."
    cpu_threshold_p95: float = number(70.0, 0, 100)
    gpu_threshold_p95: float = number(70.0, 0, 100)
    gpu_memory_threshold_p95: float = number(70.0, 0, 100)
    patience: int = number(1000, 1)
    window: int = number(500, 1)

    def look(self, profile: Profile) -> Iterator[Evidence]:
        stored = profile.system.devices(memory(profile.system))
        for (node, name), gpu in profile.system.devices(GPU).items():
            cpu = profile.system.node_samples(CPU, node)
            count = len(gpu.values)
            self.datapoints = max(self.datapoints, count)
            if cpu is None or (node, name) not in stored or min(count, len(cpu.mean)) <= max(self.patience, self.window):
                continue
            busy = float(np.percentile(cpu.mean[-self.window :], 95))
            used = float(np.percentile(gpu.last(self.window), 95))
            taken = float(np.percentile(stored[node, name].last(self.window), 95))
            idle = busy < self.cpu_threshold_p95 and used < self.gpu_threshold_p95 and taken < self.gpu_memory_threshold_p95
            message = f"p95 of CPU {busy:.3g} %, of the GPU {used:.3g} %, of its memory {taken:.3g} %"
            yield from self.judge(f"{node} {name}", used, idle, self.gpu_threshold_p95, message)


@dataclass(kw_only=True)
class LowGPUUtilization(ProfilerRule):
    """Over the last `window` samples a GPU's p95 is below `threshold_p95`, or it is above and the p5 below `threshold_p5`: it is
    little used, or its use goes up and down. As AWS does it."""

    needs = (GPU,)
    advice = "Look at the data loader and the batch size first; up and down means that the GPU waits for something."
    threshold_p95: float = number(70.0, 0, 100)
    threshold_p5: float = number(10.0, 0, 100)
    window: int = number(500, 1)
    patience: int = number(1000, 1)

    def look(self, profile: Profile) -> Iterator[Evidence]:
        for (node, name), gpu in profile.system.devices(GPU).items():
            self.datapoints = max(self.datapoints, len(gpu.values))
            if len(gpu.values) <= self.patience:
                continue
            low, high = (float(value) for value in np.percentile(gpu.last(self.window), [5, 95]))
            message = f"p95 {high:.3g} %, p5 {low:.3g} % over the last {min(self.window, len(gpu.values))} samples"
            if high < self.threshold_p95:
                yield from self.judge(f"{node} {name}", high, True, self.threshold_p95, f"little used: {message}")
            else:
                moody = high > self.threshold_p95 and low < self.threshold_p5
                yield from self.judge(f"{node} {name}", low, moody, self.threshold_p5, f"up and down: {message}")


@dataclass(kw_only=True)
class GPUMemoryIncrease(ProfilerRule):
    """The mean of `window` samples of a GPU's memory is more than `increase` percent points above that of the `window` before.

    AWS's two windows lie almost on one another, so that only a jump can show; here the second begins where the first ends.
    The memory that is taken is looked at where it was sampled: a leak does not show in the memory's activity.
    """

    needs = (GPU,)
    advice = "Look for tensors kept from step to step, such as a loss that is summed without .item()."
    increase: float = number(5.0, over=0)
    patience: int = number(1000, 1)
    window: int = number(10, 1)

    def look(self, profile: Profile) -> Iterator[Evidence]:
        for (node, name), series in profile.system.devices(memory(profile.system)).items():
            values, width = np.array(series.values), self.window
            self.datapoints = max(self.datapoints, len(values))
            if len(values) <= max(self.patience, 2 * width):
                continue
            sums = np.concatenate([[0.0], np.cumsum(values)])
            means = (sums[width:] - sums[:-width]) / width
            growth = (means[width:] - means[:-width])[max(0, self.patience - 2 * width) :]
            most = float(growth.max())
            message = f"memory grew by {most:.3g} percent points from {width} samples to the next {width}"
            yield from self.judge(f"{node} {name}", most, most > self.increase, self.increase, message)


@dataclass(kw_only=True)
class LoadBalancing(ProfilerRule):
    """Two GPUs of the job are used differently: the distance of their histograms is above `threshold`.

    As AWS does it: 2 % bins, square root of the Jensen-Shannon divergence in nats, so between 0 and 0.833. Unlike AWS's, the
    last bin holds 98 to 100 %, and every pair is compared, across nodes too.
    """

    needs = (GPU,)
    advice = "Give every GPU the same share of each batch; look which of them does more than the others."
    threshold: float = number(0.5, 0)
    patience: int = number(1000, 1)

    def look(self, profile: Profile) -> Iterator[Evidence]:
        gpus = profile.system.devices(GPU)
        self.datapoints = max(len(series.values) for series in gpus.values())
        enough = {key: series.values for key, series in gpus.items() if len(series.values) > self.patience}
        for (one, first), (other, second) in combinations(enough.items(), 2):
            far = distance(np.array(first), np.array(second))
            subject = f"{' '.join(one)} and {' '.join(other)}"
            message = f"distance {far:.3g} between the two histograms of utilisation"
            yield from self.judge(subject, far, far > self.threshold, self.threshold, message)

    def not_judged(self) -> str | None:
        if self.details or self._absent or self.datapoints <= self.patience:
            return super().not_judged()
        return "LoadBalancing had nothing to evaluate: the job has one GPU."


def distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Jensen-Shannon distance of two samples of percentages, by histograms of 50 bins from 0 to 100."""
    first, second = (np.histogram(values, bins=50, range=(0, 100))[0] / len(values) for values in (one, other))
    middle = (first + second) / 2

    def against(part: NDArray[np.float64]) -> float:
        some = part > 0
        return float((part[some] * np.log(part[some] / middle[some])).sum())

    return max(0.0, (against(first) + against(second)) / 2) ** 0.5
