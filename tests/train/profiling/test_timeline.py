"""The step timeline: what smdebug and the rules read of it, and that its numbers are those that passed."""

import json
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from smdebug.profiler.algorithm_metrics_reader import LocalAlgorithmMetricsReader
from smdebug.profiler.analysis.utils.profiler_data_to_pandas import PandasFrame

from contract.timeline import BACKWARD, COPY, EVAL, FORWARD, OPTIMIZER, TRAIN
from rules.reading.source import Folder
from rules.reading.timeline import TimedStep
from rules.reading.timeline import Timeline as Reader
from train.profiling.system_sampler import Lines
from train.profiling.timeline import Timeline

CPU = torch.device("cpu")


def slowly(count: int, seconds: float) -> Iterator[int]:
    for number in range(count):
        time.sleep(seconds)
        yield number


def walk(timeline: Timeline, mode: str, count: int, first: int = 0) -> None:
    """Steps of 20 ms: 5 for data, 1 to copy, 4 forward, and in training 6 backward and 4 to optimise."""
    for _ in timeline.steps(mode, slowly(count, 0.005), first):
        timeline.mark(COPY)
        time.sleep(0.001)
        timeline.mark(FORWARD)
        time.sleep(0.004)
        if mode == TRAIN:
            timeline.mark(BACKWARD)
            time.sleep(0.006)
            timeline.mark(OPTIMIZER)
            time.sleep(0.004)
            timeline.mark(None)


def read(folder: Path) -> list[TimedStep]:
    reader = Reader(Folder(folder))
    reader.poll()
    return reader.steps()


def files(folder: Path) -> list[Path]:
    return sorted((folder / "framework" / "pevents").rglob("*timeline.json"))


def never(text: str) -> None:
    raise AssertionError(text)


def test_whole_steps_and_their_parts_by_mode(tmp_path: Path) -> None:
    timeline = Timeline(tmp_path, "algo-1", CPU, never)
    walk(timeline, TRAIN, 4, first=11)
    walk(timeline, EVAL, 3)
    walk(timeline, TRAIN, 2, first=15)
    walk(timeline, EVAL, 2)
    walk(timeline, EVAL, 2)
    timeline.close()
    found = read(tmp_path)
    assert [(step.mode, step.number) for step in found] == [
        ("TRAIN", 11), ("TRAIN", 12), ("TRAIN", 13), ("EVAL", 2), ("EVAL", 3), ("TRAIN", 15), ("EVAL", 7), ("EVAL", 11),
    ]  # fmt: skip
    assert {step.node for step in found} == {"algo-1"}
    for step in found:
        assert sum(step.parts.values()) <= step.seconds + 1e-4
        assert step.parts["DataWait"] >= 0.005 and step.parts["Forward"] >= 0.004
        assert ("Backward" in step.parts) == (step.mode == "TRAIN")
        if step.mode == "TRAIN":
            assert step.seconds >= 0.02 and step.parts["Backward"] >= 0.006 and step.parts["Optimizer"] >= 0.004
        else:
            assert step.seconds >= 0.01
    assert abs(found[0].start - time.time()) < 60


def test_the_events_say_how_long_a_whole_step_took(tmp_path: Path) -> None:
    timeline = Timeline(tmp_path, "algo-1", CPU, never)
    walk(timeline, TRAIN, 3)
    timeline.close()
    rows = json.loads(files(tmp_path)[0].read_text())
    whole = [row for row in rows if row["name"] == "Step:ModeKeys.TRAIN"]
    assert [row["dur"] for row in whole[:2]] == pytest.approx(
        [after["ts"] - before["ts"] for before, after in pairwise(whole)], abs=2
    ), "from start to start, in microseconds, however slow the machine"
    assert whole[2]["dur"] >= 20_000, "the last one too"


def test_smdebugs_readers_read_it(tmp_path: Path) -> None:
    Lines(tmp_path, "algo-1").write([("cpu", "cpu0", "CPUUtilization", 50.0)], time.time() - 60)
    timeline = Timeline(tmp_path, "algo-1", CPU, never)
    walk(timeline, TRAIN, 5)
    walk(timeline, EVAL, 2)
    timeline.close()
    reader = LocalAlgorithmMetricsReader(str(tmp_path))
    reader.refresh_event_file_list()
    events = reader.get_events(0, int((time.time() + 60) * 1e6))
    phases = [event.event_phase for event in events]
    assert phases.count("Step:ModeKeys.TRAIN") == 5 and phases.count("Step:ModeKeys.EVAL") == 2
    assert phases.count("Backward") == 5 and phases.count("DataWait") == 7
    frame = PandasFrame(str(tmp_path)).get_all_framework_metrics()
    assert set(frame["framework_metric"]) >= {"Step:ModeKeys.TRAIN", "DataWait", "Copy", "Forward", "Backward", "Optimizer"}


def test_files_are_closed_by_age_and_by_size(tmp_path: Path) -> None:
    for name, settings, least in (("age", {"rotate_seconds": 0.05}, 3), ("size", {"rotate_bytes": 150 * 12}, 4)):
        timeline = Timeline(tmp_path / name, "algo-1", CPU, never, **settings)
        walk(timeline, TRAIN, 10)
        before = len(files(tmp_path / name))
        timeline.close()
        assert before >= least - 1 and len(files(tmp_path / name)) >= least, "written while it trains, not only at the end"
        assert [step.number for step in read(tmp_path / name)] == list(range(9))
        assert not list((tmp_path / name).rglob("*.tmp"))


def test_a_pass_that_is_left_early_ends_its_step(tmp_path: Path) -> None:
    timeline = Timeline(tmp_path, "algo-1", CPU, never)
    for batch in timeline.steps(TRAIN, slowly(5, 0.001), 0):
        if batch == 2:
            break
    time.sleep(0.2)
    walk(timeline, TRAIN, 2, first=3)
    timeline.close()
    rows = json.loads(files(tmp_path)[0].read_text())
    whole = [row for row in rows if row["name"] == "Step:ModeKeys.TRAIN"]
    assert len(whole) == 5
    assert whole[3]["ts"] - (whole[2]["ts"] + whole[2]["dur"]) >= 200_000, "what lies between two passes is in no step"


def test_a_folder_that_cannot_be_written_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said: list[str] = []
    timeline = Timeline(tmp_path / "file", "algo-1", CPU, said.append, rotate_seconds=0.01)
    walk(timeline, TRAIN, 4)
    timeline.close()
    assert len(said) == 1 and said[0].startswith("the step timeline cannot be written to ")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_on_a_gpu_parts_are_the_gpus_time(tmp_path: Path) -> None:
    device = torch.device("cuda", 0)
    matrix = torch.rand(8192, 8192, device=device)
    timeline = Timeline(tmp_path, "algo-1", device, never)
    for _ in timeline.steps(TRAIN, iter(range(6)), 0):
        timeline.mark(FORWARD)
        for _ in range(4):
            torch.mm(matrix, matrix)
        timeline.mark(None)
    timeline.close()
    assert read(tmp_path)[-1].parts["Forward"] > 0.005, "launching takes microseconds, the product does not"
