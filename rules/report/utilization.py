"""Utilization says how busy each node's CPUs and GPUs were over time and, apart from that, how much memory was taken."""

from typing import TypedDict, final

import numpy as np
from numpy.typing import NDArray

from rules.checks.overall import percentiles
from rules.checks.thinning import Point, thin
from rules.reading.profile import Profile
from rules.reading.system_metrics import CPU, GPU, GPU_FOOTPRINT, GPU_MEMORY, IO_WAIT, NodeSamples, Series, SystemMetrics
from rules.report.absent import Absent
from rules.report.number_format import number

ABSENT = (
    "No system metrics were saved: there is no profiler-output/system. Give the job a ProfilerConfig with an S3OutputPath and "
    "ProfilingIntervalInMilliseconds 500."
)
BUSY = {
    CPU: "CPU",
    "ContainerCPUUtilization": "this container's share of its CPUs",
    GPU: "GPU",
    GPU_MEMORY: "GPU memory controller",
    IO_WAIT: "waiting for I/O",
    "GPUThrottledPercent": "GPU slowed by power or heat",
}
"""Percent of the time: activity."""
FOOTPRINT = ("MemoryUsedPercent", GPU_FOOTPRINT)
"""Percent of what there is: memory that is taken. By dimension or, of the host's memory, by name."""
NAMES = {
    "GPUPowerWatts": "GPU power, watts",
    "MemoryUsedPercent": "memory taken",
    "DiskReadBytesPerSecond": "read from disk, bytes a second",
    "DiskWriteBytesPerSecond": "written to disk, bytes a second",
    "NetworkReceiveBytesPerSecond": "received from the network, bytes a second",
    "NetworkTransmitBytesPerSecond": "sent to the network, bytes a second",
}
"""Of other metrics, by name or dimension."""
LITTLE, MUCH = 30.0, 70.0
POINTS = 600


Curves = dict[str, list[Point]]
"""Curves by name, with points of (seconds since the first sample, value)."""


class NodeUtilization(TypedDict):
    """`spread`: percentiles by metric. `activity` and `footprint`: curves in percent. `other`: curves by title and name.
    `devices`: the mean of each CPU or GPU, by metric."""

    spread: dict[str, dict[str, float]]
    activity: Curves
    footprint: Curves
    other: dict[str, Curves]
    devices: dict[str, dict[str, float]]
    message: str


@final
class Utilization(TypedDict):
    """The nodes of the job by name."""

    nodes: dict[str, NodeUtilization]


def utilization(profile: Profile | None) -> Utilization | Absent:
    """Summarises the system metrics of each node."""
    if profile is None or not profile.system.nodes():
        return {"absent": ABSENT}
    return {"nodes": {node: _node(profile.system, node) for node in profile.system.nodes()}}


def _node(system: SystemMetrics, node: str) -> NodeUtilization:
    found = NodeUtilization(spread={}, activity={}, footprint={}, other={}, devices={}, message="")
    began = system.started or 0.0
    for dimension in sorted(system.dimensions()):
        samples = system.node_samples(dimension, node)
        if samples is None:
            continue
        series = {name: one for (where, name), one in system.devices(dimension).items() if where == node}
        stored = dimension in FOOTPRINT or set(series) <= set(FOOTPRINT)
        other = not stored and dimension not in BUSY
        for title, label, times, values in _curves(dimension, series, samples):
            found["spread"][label if not other or len(series) == 1 else f"{title}, {label}"] = percentiles(values)
            points = thin(list(zip((times - began).tolist(), values.tolist(), strict=True)), POINTS)
            curves = found["other"].setdefault(title, {}) if other else found["footprint" if stored else "activity"]
            curves[label] = points
        if dimension in BUSY and len(series) > 1:
            found["devices"][BUSY[dimension]] = {name: round(float(np.mean(one.values)), 2) for name, one in series.items()}
    found["message"] = verdict(found["spread"])
    return found


def _curves(
    dimension: str, series: dict[str, Series], samples: NodeSamples
) -> list[tuple[str, str, NDArray[np.float64], NDArray[np.float64]]]:
    """(title, name, times, values): the devices of a known dimension as one curve, their mean; of another, a curve for each."""
    if dimension in BUSY or dimension == GPU_FOOTPRINT:
        name = BUSY.get(dimension, "GPU memory taken")
        return [(name, name, samples.times, samples.mean)]
    rows = []
    for device, one in series.items():
        title = NAMES.get(device, NAMES.get(dimension, dimension))
        rows.append((title, title if len(series) == 1 else device, np.array(one.times), np.array(one.values)))
    return rows


def verdict(found: dict[str, dict[str, float]]) -> str:
    """A sentence from the 95th percentiles; a node without a GPU gets one too."""
    cpu, gpu, wait = (found.get(BUSY[name], {}).get("p95") for name in (CPU, GPU, IO_WAIT))
    parts = []
    if gpu is not None:
        state = "well used" if gpu >= MUCH else "little used" if gpu < LITTLE else "used in part"
        parts.append(f"The GPUs are {state} (p95 {number(gpu)} %)")
        if gpu < MUCH and cpu is not None:
            role = "what they may wait for" if cpu >= MUCH else "not what they wait for"
            parts[-1] += f", and the CPUs are {role} (p95 {number(cpu)} %)"
    elif cpu is not None:
        state = "the limit" if cpu >= MUCH else "little used: a smaller instance would do" if cpu < LITTLE else "used in part"
        parts.append(f"This node has no GPU; its CPUs are {state} (p95 {number(cpu)} %)")
    if wait is not None and wait > LITTLE:
        parts.append(f"the disks hold it up (waiting for I/O, p95 {number(wait)} %)")
    return "; ".join(parts) + "." if parts else "Neither CPU nor GPU use was sampled."
