"""Programs are started, judged and ended as SageMaker does with a container."""

import time
from pathlib import Path

import pytest

from contract.layout import Layout
from scripts.errors import RunError
from scripts.programs import Program
from scripts.stage import stage_training


def test_a_failed_program_says_why(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "opt" / "ml")
    stage_training(layout, {"lr": "abc"}, {})
    with Program("train", layout, log=tmp_path / "log") as program, pytest.raises(RunError, match=r"train: .*lr.*exit status 1"):
        program.wait()
    assert program.last_line()


def test_leaving_the_context_ends_the_program(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "opt" / "ml")
    stage_training(layout, {}, {})
    start = time.monotonic()
    with Program("train", layout, log=tmp_path / "log") as program:
        pass
    assert not program.running() and time.monotonic() - start < 30
