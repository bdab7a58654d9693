"""NVIDIA's management library, by ctypes: what each GPU of this machine does at this moment. Without it there are no GPUs.

Source: NVML API reference (nvml.h): nvmlDeviceGetUtilizationRates, nvmlDeviceGetMemoryInfo, nvmlDeviceGetPowerUsage,
nvmlDeviceGetCurrentClocksThrottleReasons.
"""

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LIBRARY = "libnvidia-ml.so.1"
_SLOWED = 0x4 | 0x8 | 0x20 | 0x40 | 0x80
"""Reasons that hold a GPU's clocks down: power cap, hardware slowdown, heat (two ways), power brake. Idle clocks are none."""


class _Utilization(ctypes.Structure):
    _fields_ = (("gpu", ctypes.c_uint), ("memory", ctypes.c_uint))


class _Memory(ctypes.Structure):
    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


@dataclass(frozen=True, slots=True)
class Reading:
    """One GPU at one moment; None for what it does not tell. `busy`: percent of the time a kernel ran. `memory_busy`: percent
    of the time its memory was read or written. `memory_used`: percent of its memory that is taken; `free`: bytes that are not.
    `power`: watts. `slowed`: whether power or heat holds its clocks down."""

    busy: float | None
    memory_busy: float | None
    memory_used: float | None
    free: int | None
    power: float | None
    slowed: bool | None


class Nvml:
    """The GPUs of this machine, in NVML's order. Every call of the library that fails leaves its numbers out."""

    def __init__(self, library: str = LIBRARY) -> None:
        self._devices: list[ctypes.c_void_p] = []
        try:
            self._library: Any = ctypes.CDLL(library)
            if self._library.nvmlInit_v2() != 0:
                return
            count = ctypes.c_uint()
            self._library.nvmlDeviceGetCount_v2(ctypes.byref(count))
            for index in range(count.value):
                device = ctypes.c_void_p()
                if self._library.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(device)) == 0:
                    self._devices.append(device)
        except (OSError, AttributeError):  # no library, or one that lacks a function
            self._devices = []

    def read(self) -> list[Reading]:
        """One reading a GPU."""
        return [self._read(device) for device in self._devices]

    def _read(self, device: ctypes.c_void_p) -> Reading:
        used = self._ask("nvmlDeviceGetUtilizationRates", device, _Utilization)
        memory = self._ask("nvmlDeviceGetMemoryInfo", device, _Memory)
        power = self._ask("nvmlDeviceGetPowerUsage", device, ctypes.c_uint)
        reasons = self._ask("nvmlDeviceGetCurrentClocksThrottleReasons", device, ctypes.c_ulonglong)
        return Reading(
            busy=float(used.gpu) if used else None,
            memory_busy=float(used.memory) if used else None,
            memory_used=100 * memory.used / memory.total if memory and memory.total else None,
            free=memory.free if memory else None,
            power=power.value / 1000 if power is not None else None,
            slowed=bool(reasons.value & _SLOWED) if reasons is not None else None,
        )

    def _ask(self, name: str, device: ctypes.c_void_p, kind: Callable[[], Any]) -> Any:
        answer = kind()
        try:
            return answer if getattr(self._library, name)(device, ctypes.byref(answer)) == 0 else None
        except AttributeError:
            return None
