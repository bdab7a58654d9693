"""What the operating system does for a training process: shared memory, arithmetic of the CPU. Limits: `contract.cgroup`."""

import os
from pathlib import Path

_SHARED_MEMORY = Path("/dev/shm")


def shared_memory_free() -> int:
    """Bytes free in /dev/shm; 0 where there is none."""
    try:
        stats = os.statvfs(_SHARED_MEMORY)
    except OSError:
        return 0
    return stats.f_bavail * stats.f_frsize


def computes_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware; emulated, it is slower than float32."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").split()
    except OSError:
        return False
    return not {"avx512_bf16", "amx_bf16"}.isdisjoint(flags)
