"""CPUs and memory as control groups of both versions limit them."""

import os
from pathlib import Path

import pytest

from serve import machine


def _files(folder: Path, **content: str) -> Path:
    for name, text in content.items():
        path = folder / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.mark.parametrize(("quota", "expected"), [("100000 100000", 1), ("150000 100000", 1), ("20000 100000", 1)])
def test_a_quota_of_version_2_bounds_the_cpus(tmp_path: Path, quota: str, expected: int) -> None:
    assert machine.cpus(_files(tmp_path, cpu_DOT_max=quota)) == expected


def test_no_quota_leaves_the_affinity_mask(tmp_path: Path) -> None:
    allowed = len(os.sched_getaffinity(0))
    assert machine.cpus(_files(tmp_path, cpu_DOT_max="max 100000")) == allowed
    assert machine.cpus(tmp_path / "absent") == allowed


def test_a_quota_of_version_1_bounds_the_cpus(tmp_path: Path) -> None:
    files = _files(tmp_path, cpu__cpu_DOT_cfs_quota_us="100000", cpu__cpu_DOT_cfs_period_us="100000")
    assert machine.cpus(files) == 1
    unlimited = _files(tmp_path, cpu__cpu_DOT_cfs_quota_us="-1")
    assert machine.cpus(unlimited) == len(os.sched_getaffinity(0))


def test_memory_is_what_is_left_of_the_limit(tmp_path: Path) -> None:
    files = _files(tmp_path, memory_DOT_max=f"{512 << 20}\n", memory_DOT_current=f"{112 << 20}\n")
    assert machine.memory(files) == 400 << 20


def test_memory_without_a_limit_is_what_the_machine_has(tmp_path: Path) -> None:
    assert machine.memory(_files(tmp_path, memory_DOT_max="max")) > 1 << 28
    version_1 = _files(tmp_path / "old", memory__memory_DOT_limit_in_bytes="9223372036854771712")
    assert machine.memory(version_1) > 1 << 28


def test_gpus_are_counted_by_their_devices(tmp_path: Path) -> None:
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "nvidia0x"):
        (tmp_path / name).touch()
    assert machine.gpus(tmp_path) == 2
