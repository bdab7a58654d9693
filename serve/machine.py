"""What this machine really gives us: CPUs and memory, as the control groups, the affinity mask and the hardware limit them.

It reads, it does not decide: `config` turns these numbers into workers and threads.
"""

import os
from pathlib import Path

import psutil

_CGROUP = Path("/sys/fs/cgroup")
_MEMORY_V1_UNLIMITED = 1 << 60


def cpus(cgroup: Path = _CGROUP) -> int:
    """Whole CPUs this process may keep busy: the smaller of its affinity mask and its CPU quota, at least 1."""
    allowed = len(os.sched_getaffinity(0))
    quota = _quota(cgroup)
    return max(1, min(allowed, int(quota))) if quota is not None else allowed


def memory(cgroup: Path = _CGROUP) -> int:
    """Bytes this process may still take: what the machine has available, or what is left of the memory limit if less."""
    available = psutil.virtual_memory().available
    limit = _number(cgroup / "memory.max") or _number(cgroup / "memory" / "memory.limit_in_bytes")
    used = _number(cgroup / "memory.current") or _number(cgroup / "memory" / "memory.usage_in_bytes") or 0
    if limit is None or limit >= _MEMORY_V1_UNLIMITED:
        return available
    return max(0, min(available, limit - used))


def gpus(devices: Path = Path("/dev")) -> int:
    """NVIDIA devices handed to this container."""
    return sum(1 for path in devices.glob("nvidia[0-9]*") if path.name[6:].isdigit())


def _quota(cgroup: Path) -> float | None:
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()  # version 2: "max 100000" or "150000 100000"
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        quota_v1, period_v1 = _number(cgroup / "cpu" / "cpu.cfs_quota_us"), _number(cgroup / "cpu" / "cpu.cfs_period_us")
        return quota_v1 / period_v1 if quota_v1 and period_v1 and quota_v1 > 0 else None


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
