"""Events are lines of JSON."""

import json
from pathlib import Path

import pytest

from serve import log


def test_an_event_is_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    log.event("tried", "warning", place=Path("/x"), text="line\nbreak")
    line = capsys.readouterr().out
    assert line.count("\n") == 1
    told = json.loads(line)
    assert told.pop("time").endswith("+00:00")
    assert told == {"level": "warning", "event": "tried", "place": "/x", "text": "line\nbreak"}
