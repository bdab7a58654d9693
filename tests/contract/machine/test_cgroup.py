"""CPUs and memory as control groups of both versions limit them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from contract.machine import cgroup


def _files(folder: Path, **content: str) -> Path:
    for name, text in content.items():
        path = folder / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.mark.parametrize(("quota", "expected"), [("100000 100000", 1), ("150000 100000", 1), ("20000 100000", 1)])
def test_a_quota_of_version_2_bounds_the_cpus(tmp_path: Path, quota: str, expected: int) -> None:
    assert cgroup.cpus(_files(tmp_path, cpu_DOT_max=quota)) == expected


def test_no_quota_leaves_the_affinity_mask(tmp_path: Path) -> None:
    allowed = len(os.sched_getaffinity(0))
    assert cgroup.cpus(_files(tmp_path, cpu_DOT_max="max 100000")) == allowed
    assert cgroup.cpus(tmp_path / "absent") == allowed


def test_a_quota_of_version_1_bounds_the_cpus(tmp_path: Path) -> None:
    files = _files(tmp_path, cpu__cpu_DOT_cfs_quota_us="100000", cpu__cpu_DOT_cfs_period_us="100000")
    assert cgroup.cpus(files) == 1
    unlimited = _files(tmp_path, cpu__cpu_DOT_cfs_quota_us="-1")
    assert cgroup.cpus(unlimited) == len(os.sched_getaffinity(0))


def test_memory_is_what_is_left_of_the_limit(tmp_path: Path) -> None:
    files = _files(tmp_path, memory_DOT_max=f"{512 << 20}\n", memory_DOT_current=f"{112 << 20}\n")
    assert cgroup.memory_left(files) == 400 << 20


def test_memory_without_a_limit_is_what_the_machine_has(tmp_path: Path) -> None:
    assert cgroup.memory_left(_files(tmp_path, memory_DOT_max="max")) > 1 << 28
    version_1 = _files(tmp_path / "old", memory__memory_DOT_limit_in_bytes="9223372036854771712")
    assert cgroup.memory_left(version_1) > 1 << 28


def test_kills_and_limits_are_read_in_both_versions(tmp_path: Path) -> None:
    new = _files(tmp_path / "new", memory_DOT_events="low 0\noom 3\noom_kill 2", memory_DOT_max="max")
    old = _files(tmp_path / "old", memory__memory_DOT_oom_control="oom_kill_disable 0\nunder_oom 0\noom_kill 5")
    assert (cgroup.memory_kills(new), cgroup.memory_limit(new)) == (2, None)
    assert (cgroup.memory_kills(old), cgroup.memory_kills(tmp_path / "absent")) == (5, 0)


def test_a_process_bound_to_one_cpu_has_one() -> None:
    probe = (
        "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); "
        "from contract.machine import cgroup; print(cgroup.cpus())"
    )
    assert subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout == "1\n"


def test_use_is_counted_in_both_versions(tmp_path: Path) -> None:
    stat = f"anon 5\ninactive_file {100 << 20}\n"
    new = _files(
        tmp_path / "new",
        memory_DOT_current=f"{300 << 20}",
        memory_DOT_stat=stat,
        cpu_DOT_stat="usage_usec 2500000\nuser_usec 1\n",
    )
    assert cgroup.memory_used(new) == 200 << 20 and cgroup.cpu_seconds(new) == 2.5
    old = _files(
        tmp_path / "old",
        memory__memory_DOT_usage_in_bytes=f"{300 << 20}",
        memory__memory_DOT_stat=f"inactive_file 7\ntotal_inactive_file {100 << 20}\n",
        cpuacct__cpuacct_DOT_usage="2500000000",
        cpu__cpu_DOT_stat="nr_periods 0\n",
    )
    assert cgroup.memory_used(old) == 200 << 20 and cgroup.cpu_seconds(old) == 2.5
    assert cgroup.memory_used(tmp_path / "absent") is None and cgroup.cpu_seconds(tmp_path / "absent") is None
