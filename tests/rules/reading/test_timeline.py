"""Steps are timed from start to start, from what smdebug's own writer has written."""

import json
from pathlib import Path

import pytest

from rules.errors import SourceError
from rules.reading.source import Folder
from rules.reading.timeline import Timeline
from tests.support.saved_profile import START, events, steps


def read(folder: Path) -> Timeline:
    timeline = Timeline(Folder(folder))
    timeline.poll()
    return timeline


def test_a_step_lasts_until_the_next_begins(tmp_path: Path) -> None:
    """The event itself is a quarter as long, as smdebug's of PyTorch are."""
    found = read(events(tmp_path, steps([0.04, 0.06, 0.05], DataWait=[0.01, 0.03, 0.01]))).steps()
    assert [step.seconds for step in found] == pytest.approx([0.04, 0.06, 0.05], abs=1e-4)
    assert [step.number for step in found] == [0, 1, 2] and found[0].start == pytest.approx(START, abs=1e-4)
    assert [step.parts["DataWait"] for step in found] == pytest.approx([0.01, 0.03, 0.01])


def test_what_lies_between_two_modes_is_no_step(tmp_path: Path) -> None:
    rows = [
        (f"Step:ModeKeys.{mode}", at, 0.01, step)
        for mode, at, step in (("TRAIN", 0, 0), ("TRAIN", 1, 1), ("EVAL", 60, 0), ("EVAL", 61, 1))
    ]
    found = read(events(tmp_path, [*rows, ("Step:ModeKeys.TRAIN", 70, 0.01, 2), ("Step:ModeKeys.TRAIN", 80, 0.01, 5)])).steps()
    assert [(step.mode, round(step.seconds)) for step in found] == [("TRAIN", 1), ("EVAL", 1)]


def test_a_file_is_read_once_and_new_ones_when_they_come(tmp_path: Path) -> None:
    timeline = read(events(tmp_path, steps([0.1])))
    before = len(timeline.events)
    timeline.poll()
    assert len(timeline.events) == before
    events(tmp_path, steps([0.1]), process=8)
    timeline.poll()
    assert len(timeline.events) == 2 * before and timeline.first_step() == pytest.approx(START, abs=1e-4)


def test_a_file_without_its_last_bracket_is_whole(tmp_path: Path) -> None:
    file = next(events(tmp_path, steps([0.1, 0.1])).rglob("*timeline.json"))
    file.write_text(file.read_text().rstrip().rstrip("]").rstrip().rstrip(",") + ",\n")
    assert len(read(tmp_path).steps()) == 2


@pytest.mark.parametrize("text", ["nonsense", '[{"ph": "X"}]', "[1]"])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    file = next(events(tmp_path, steps([0.1])).rglob("*timeline.json"))
    file.write_text(text)
    with pytest.raises(SourceError, match="is no timeline of smdebug's"):
        read(tmp_path)


def test_parts_belong_to_the_step_of_their_mode(tmp_path: Path) -> None:
    """Kennel's events say the mode; a training and an evaluation step may have the same number."""
    heads = [
        {"name": "process_name", "ph": "M", "pid": number, "args": {"name": name, "start_time_since_epoch_in_micros": 0}}
        for number, name in enumerate(("Step:ModeKeys.TRAIN", "Step:ModeKeys.EVAL", "Forward"))
    ]
    rows = [
        {"name": "x", "ph": "X", "pid": pid, "ts": at, "dur": 10, "args": {"pid": 7, "step_num": str(step), "mode": mode}}
        for mode, phase, start in (("TRAIN", 0, 0), ("EVAL", 1, 1000))
        for step in (1, 2)
        for pid, at in ((phase, start + 100 * step), (2, start + 100 * step + 5))
    ]
    file = tmp_path / "framework" / "pevents" / "2023111422" / "99_7-algo-1_pythontimeline.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(heads + rows))
    found = read(tmp_path).steps()
    assert [(step.mode, step.number, step.parts) for step in found] == [
        (mode, 1, {"Forward": pytest.approx(1e-5)}) for mode in ("TRAIN", "EVAL")
    ]
