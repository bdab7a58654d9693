"""The sampler's files, and the process that writes them beside a training."""

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

from smdebug.profiler.analysis.utils.profiler_data_to_pandas import PandasFrame
from smdebug.profiler.system_metrics_reader import LocalSystemMetricsReader

from contract.machine.nvml import Reading
from tests.support.train_jobs import ROOT, wait_until
from train.profiling.profile_settings import ProfileSettings
from train.profiling.system_sampler import Lines, Row, Sampler
from train.supervisor import sampling

MINUTE = 1_700_000_040
ROWS: list[Row] = [("cpu", "cpu0", "CPUUtilization", 12.3456), ("memory", "MemoryUsedPercent", "Algorithm", 50.0)]


class TwoGpus:
    """What NVML would say of a busy GPU and of one that says little."""

    def read(self) -> list[Reading]:
        return [Reading(90.0, 40.0, 25.0, 60 << 30, 300.5, True), Reading(5.0, None, None, None, None, None)]


def lines(folder: Path) -> list[dict]:
    return [json.loads(line) for path in sorted(folder.rglob("*.algo-1.json")) for line in path.read_text().splitlines()]


def readable(folder: Path) -> bool:
    """Whether there are lines, all of them whole."""
    with contextlib.suppress(ValueError):
        return bool(lines(folder))
    return False


def test_a_busy_core_is_seen_and_gpus_have_their_five_numbers() -> None:
    sampler = Sampler(TwoGpus())
    sampler.rows()
    until = time.monotonic() + 0.4
    while time.monotonic() < until:
        pass
    rows = sampler.rows()
    cores = {name: value for _, name, dimension, value in rows if dimension == "CPUUtilization"}
    assert set(cores) == {f"cpu{number}" for number in os.sched_getaffinity(0)}
    assert max(cores.values()) > 40 and all(0 <= value <= 100 for value in cores.values())
    gpus = {(name, dimension): value for kind, name, dimension, value in rows if kind == "gpu"}
    assert gpus["gpu0", "GPUMemoryUsedPercent"] == 25.0 and gpus["gpu0", "GPUMemoryUtilization"] == 40.0
    assert gpus["gpu0", "GPUPowerWatts"] == 300.5 and gpus["gpu0", "GPUThrottledPercent"] == 100.0
    assert [dimension for name, dimension in gpus if name == "gpu1"] == ["GPUUtilization"]
    dimensions = {dimension for _, _, dimension, _ in rows}
    assert {"I/OWaitPercentage", "DiskWriteBytesPerSecond", "NetworkReceiveBytesPerSecond", "Algorithm"} <= dimensions


def test_files_have_the_start_of_their_minute_for_a_name_and_smdebug_reads_every_line(tmp_path: Path) -> None:
    writer = Lines(tmp_path, "algo-1")
    for at in (MINUTE, MINUTE + 30.5, MINUTE + 59.9, MINUTE + 60, MINUTE + 3600):
        writer.write(ROWS, at)
    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.json"))
    assert files == [
        "system/incremental/2023111422/1700000040.algo-1.json",
        "system/incremental/2023111422/1700000100.algo-1.json",
        "system/incremental/2023111423/1700003640.algo-1.json",
    ]
    reader = LocalSystemMetricsReader(str(tmp_path))
    reader.refresh_event_file_list()
    events = reader.get_events((MINUTE - 1) * 1_000_000, (MINUTE + 4000) * 1_000_000)
    assert len(events) == 10
    assert {(event.type, event.name, event.dimension, event.value) for event in events} == {
        ("cpu", "cpu0", "CPUUtilization", 12.35),
        ("memory", "MemoryUsedPercent", "Algorithm", 50.0),
    }
    frame = PandasFrame(str(tmp_path)).get_all_system_metrics()
    assert len(frame) == 10 and set(frame["nodeID"]) == {"algo-1"}


def test_half_a_line_of_a_killed_attempt_is_cut_off(tmp_path: Path) -> None:
    Lines(tmp_path, "algo-1").write(ROWS, MINUTE)
    file = next(tmp_path.rglob("*.json"))
    whole = file.read_text()
    file.write_text(whole + whole[:40])
    Lines(tmp_path, "algo-1").write(ROWS, MINUTE + 1)
    assert [row["Timestamp"] for row in lines(tmp_path)] == [MINUTE, MINUTE, MINUTE + 1, MINUTE + 1]


def start(folder: Path, limit: int | None = None) -> subprocess.Popen[str]:
    limited = (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))) if limit else None
    command = [sys.executable, "-m", "train.profiling.system_sampler", str(folder), "algo-1", "0.05"]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=limited)


def test_a_full_disk_is_said_once_and_leaves_whole_lines(tmp_path: Path) -> None:
    process = start(tmp_path, limit=3_000)
    assert process.stdout is not None
    said = process.stdout.readline()
    assert said.startswith(f"system metrics cannot be written to {tmp_path}: ") and said.endswith("goes on without\n")
    time.sleep(0.3)
    assert process.poll() is None
    wait_until(lambda: readable(tmp_path), 10)  # it tries again and again: a kill may come before what a try left is taken back
    process.kill()
    assert process.communicate()[0] == ""


def test_a_folder_that_cannot_be_made_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    process = start(tmp_path / "file" / "profiler")
    assert process.stdout is not None and "cannot be written to" in process.stdout.readline()
    process.kill()
    assert process.communicate()[0] == ""


def test_it_runs_as_long_as_the_training_and_not_longer(tmp_path: Path) -> None:
    with sampling(ProfileSettings(samples=tmp_path, timeline=tmp_path, interval=0.05), "algo-1"):
        wait_until(lambda: len({row["Timestamp"] for row in lines(tmp_path)}) >= 3, 20)
    before = len(lines(tmp_path))
    time.sleep(0.3)
    assert len(lines(tmp_path)) == before


_PARENT = """
import sys, time
from pathlib import Path
from train.profiling.profile_settings import ProfileSettings
from train.supervisor import sampling
with sampling(ProfileSettings(samples=Path(sys.argv[1]), timeline=Path(sys.argv[1]), interval=0.05), "algo-1"):
    time.sleep(60)
"""


def test_it_ends_with_a_supervisor_that_was_killed(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", _PARENT, str(tmp_path)], cwd=ROOT)
    wait_until(lambda: lines(tmp_path), 30)
    process.send_signal(signal.SIGKILL)
    process.wait()
    time.sleep(0.2)
    before = len(lines(tmp_path))
    time.sleep(0.3)
    assert len(lines(tmp_path)) == before
