"""What this container may use: CPUs and memory as its control groups limit them, versions 1 and 2, else the whole machine.

It reads, once a call; it does not decide: the programs turn these numbers into workers and threads. `root` is where the control
groups are mounted.
"""

import os
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
_UNLIMITED = 1 << 60
"""Version 1 writes a number near 2**63 for no limit."""


def cpus(root: Path = ROOT) -> int:
    """Whole CPUs this process may keep busy, at least 1: its affinity mask, cut by the CPU quota."""
    allowed = len(os.sched_getaffinity(0))
    quota = _quota(root)
    return max(1, min(allowed, int(quota))) if quota else allowed


def memory_limit(root: Path = ROOT) -> int | None:
    """Bytes this container may use; None without a limit."""
    found = _first(root, "memory", "memory.max", "memory.limit_in_bytes")
    return int(found) if found.isdigit() and int(found) < _UNLIMITED else None


def memory_left(root: Path = ROOT) -> int:
    """Bytes this process may still take: what the machine has available, or what is left of the limit if that is less."""
    available = memory_available()
    limit, used = memory_limit(root), _first(root, "memory", "memory.current", "memory.usage_in_bytes")
    return available if limit is None else max(0, min(available, limit - int(used or 0)))


def memory_available() -> int:
    """Bytes that the machine has available, whatever a container may take of them."""
    lines = dict(line.split(":", 1) for line in _read(Path("/proc/meminfo")).splitlines())
    return int(lines["MemAvailable"].split()[0]) * 1024


def memory_used(root: Path = ROOT) -> int | None:
    """Bytes this container holds, less the file pages that the kernel may drop; None where nothing counts them."""
    used = _first(root, "memory", "memory.current", "memory.usage_in_bytes")
    stat = _numbers(_first(root, "memory", "memory.stat"))
    droppable = stat.get("total_inactive_file", stat.get("inactive_file", 0))
    return max(0, int(used) - droppable) if used.isdigit() else None


def cpu_seconds(root: Path = ROOT) -> float | None:
    """Seconds of CPU time that this container has used so far; None where nothing counts them."""
    used = _numbers(_first(root, "cpu", "cpu.stat")).get("usage_usec")
    if used is not None:
        return used / 1e6
    old = _first(root, "cpuacct", "cpuacct.usage")
    return int(old) / 1e9 if old.isdigit() else None


def memory_kills(root: Path = ROOT) -> int:
    """Processes of this container that the kernel has killed for lack of memory so far."""
    return _numbers(_first(root, "memory", "memory.events", "memory.oom_control")).get("oom_kill", 0)


def _quota(root: Path) -> float | None:
    words = _first(root, "cpu", "cpu.max").split()  # version 2: "max 100000" or "150000 100000"
    if len(words) == 2:
        return None if words[0] == "max" else int(words[0]) / int(words[1])
    quota, period = _first(root, "cpu", "cpu.cfs_quota_us"), _first(root, "cpu", "cpu.cfs_period_us")
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() else None


def _numbers(text: str) -> dict[str, int]:
    """The kernel's flat files: a name and a whole number a line."""
    words = (line.split() for line in text.splitlines())
    return {pair[0]: int(pair[1]) for pair in words if len(pair) == 2 and pair[1].isdigit()}


def _first(root: Path, controller: str, *names: str) -> str:
    """The first of these files that there is: in this process's own group, else in the root one."""
    texts = (_read(group / name) for group in _groups(root, controller) for name in names)
    return next((text for text in texts if text), "")


def _groups(root: Path, controller: str) -> list[Path]:
    groups = []
    for line in _read(Path("/proc/self/cgroup")).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            groups.append(root / path.lstrip("/"))
        elif controller in controllers.split(","):
            groups += [root / controllers / path.lstrip("/"), root / controller / path.lstrip("/")]
    return [*groups, root, root / controller]


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
