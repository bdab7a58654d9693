"""GPUs as a library with NVML's functions tells of them: a small one in C, for machines without a GPU."""

import shutil
import subprocess
from pathlib import Path

import pytest

from contract.machine.nvml import Nvml, Reading

SOURCE = """
#ifndef FREE
#define FREE 60ULL
#endif
typedef struct { unsigned gpu, memory; } utilization;
typedef struct { unsigned long long total, free, used; } memory;
static int gpus[2] = {0, 1};
int nvmlInit_v2(void) { return 0; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = 2; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) { *device = &gpus[index]; return 0; }
int nvmlDeviceGetUtilizationRates(int *gpu, utilization *u) { u->gpu = 70 + *gpu; u->memory = 30; return 0; }
int nvmlDeviceGetMemoryInfo(int *gpu, memory *m) { *m = (memory){80ULL << 30, FREE << 30, 20ULL << 30}; return 0; }
int nvmlDeviceGetPowerUsage(int *gpu, unsigned *milliwatts) { *milliwatts = 350500; return *gpu ? 3 : 0; }
#ifndef OLD
int nvmlDeviceGetCurrentClocksThrottleReasons(int *gpu, unsigned long long *reasons) { *reasons = *gpu ? 0x1 : 0x4; return 0; }
#endif
"""


def build(folder: Path, *flags: str) -> str:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler here")
    (folder / "nvml.c").write_text(SOURCE)
    library = folder / f"libnvidia-ml{len(flags)}.so"
    subprocess.run([compiler, "-shared", "-fPIC", *flags, "-o", str(library), str(folder / "nvml.c")], check=True)
    return str(library)


def test_each_gpu_is_read(tmp_path: Path) -> None:
    first, second = Nvml(build(tmp_path)).read()
    assert first == Reading(busy=70.0, memory_busy=30.0, memory_used=25.0, free=60 << 30, power=350.5, slowed=True)
    assert second.busy == 71.0
    assert second.power is None, "this one says NOT_SUPPORTED"
    assert second.slowed is False, "clocks that rest are not held down"


def test_a_library_without_a_function_leaves_its_number_out(tmp_path: Path) -> None:
    assert [gpu.slowed for gpu in Nvml(build(tmp_path, "-DOLD")).read()] == [None, None]


def test_no_library_is_no_gpu(tmp_path: Path) -> None:
    (tmp_path / "broken.so").write_text("no library")
    assert Nvml(str(tmp_path / "absent.so")).read() == Nvml(str(tmp_path / "broken.so")).read() == []
