"""The hardware of a training and the speed of its matrix products, written to machine.json before the first step."""

import json
import os
import platform
import time
from pathlib import Path
from typing import Any

import psutil
import torch

from contract.files import write_whole
from contract.machine import cgroup
from contract.output_data import MACHINE

_SIDE = {"cpu": 512, "cuda": 8192}
_SECONDS = {"cpu": 0.06, "cuda": 0.5}
_TYPES = {"cpu": (torch.float32,), "cuda": (torch.float32, torch.bfloat16, torch.float16)}


def write(folder: Path, device: torch.device) -> None:
    """Writes machine.json into `folder`. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / MACHINE, json.dumps(describe(device), indent=1) + "\n")


def describe(device: torch.device) -> dict[str, Any]:
    """The hardware as this process may use it. Memory in bytes; `peak_flops`: operations a second, by number format."""
    found: dict[str, Any] = {
        "device": device.type,
        "processor": _processor(),
        "machine_cpus": os.cpu_count(),
        "cpus": cgroup.cpus(),
        "threads": torch.get_num_threads(),
        "memory_bytes": cgroup.memory_limit() or psutil.virtual_memory().total,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "peak_flops": peak_flops(device),
    }
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        found |= {
            "gpu": properties.name,
            "gpus": torch.cuda.device_count(),
            "gpu_memory_bytes": properties.total_memory,
            "gpu_capability": f"{properties.major}.{properties.minor}",
            "cuda": torch.version.cuda,
        }
    return found


def peak_flops(device: torch.device) -> dict[str, float]:
    """The speed of the fastest of repeated matrix products, in operations a second, by number format.

    This is what the job's threads reach on this device as it is, not what its maker prints. Takes less than a second.
    """
    side, found = _SIDE[device.type], {}
    for kind in _TYPES[device.type]:
        matrix = torch.full((side, side), 0.5, dtype=kind, device=device)
        best, started = float("inf"), time.perf_counter()
        for _ in range(1_000):
            seconds = _product(matrix)
            best = min(best, seconds)
            if time.perf_counter() - started > _SECONDS[device.type]:
                break
        found[str(kind).removeprefix("torch.")] = 2 * side**3 / best
    return found


def _product(matrix: torch.Tensor) -> float:
    """Seconds of one product."""
    if matrix.device.type == "cuda":
        torch.cuda.synchronize()
    started = time.perf_counter()
    torch.mm(matrix, matrix)
    if matrix.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
