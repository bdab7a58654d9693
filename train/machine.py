"""What this machine really gives the program: CPUs, shared memory, kills for lack of memory. Aware of cgroups, v1 and v2.

Not a monitor: each function reads once, and answers with the whole machine's value where a container has no limit.
"""

import ctypes
import os
import signal
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_PR_SET_PDEATHSIG = 1
_SHARED_MEMORY = Path("/dev/shm")


def cpus() -> int:
    """CPUs this process may use at once, at least 1: its affinity mask, cut by the container's quota."""
    allowed = len(os.sched_getaffinity(0))
    quota = _quota()
    return max(1, min(allowed, round(quota))) if quota else allowed


def _quota() -> float | None:
    for group in _groups("cpu"):
        words = _read(group / "cpu.max").split()
        if len(words) == 2 and words[0] != "max":
            return int(words[0]) / int(words[1])
        quota, period = _read(group / "cpu.cfs_quota_us"), _read(group / "cpu.cfs_period_us")
        if quota and period and int(quota) > 0:
            return int(quota) / int(period)
    return None


def memory_limit() -> int | None:
    """Bytes this container may use; None without a limit."""
    for group in _groups("memory"):
        text = _read(group / "memory.max") or _read(group / "memory.limit_in_bytes")
        if text.isdigit() and int(text) < 1 << 60:
            return int(text)
    return None


def memory_kills() -> int:
    """Processes of this container the kernel has killed for lack of memory so far."""
    for group in _groups("memory"):
        text = _read(group / "memory.events") or _read(group / "memory.oom_control")
        for line in text.splitlines():
            name, _, count = line.partition(" ")
            if name == "oom_kill":
                return int(count)
    return 0


def shared_memory_free() -> int:
    """Bytes free in /dev/shm; 0 where there is none."""
    try:
        stats = os.statvfs(_SHARED_MEMORY)
    except OSError:
        return 0
    return stats.f_bavail * stats.f_frsize


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends, however that ends."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))


def _groups(controller: str) -> list[Path]:
    """This process's own group and the root one, the order in which a limit is looked for."""
    groups = []
    for line in _read(Path("/proc/self/cgroup")).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            groups.append(_CGROUPS / path.lstrip("/"))
        elif controller in controllers.split(","):
            groups += [_CGROUPS / controllers / path.lstrip("/"), _CGROUPS / controller / path.lstrip("/")]
    return [*groups, _CGROUPS, _CGROUPS / controller]


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
