"""Row 89: `rules` writes far more than a pipe holds to standard error, while the launcher reads its standard output."""

import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from rich.console import Console

from scripts.cli.terminal import Terminal
from scripts.errors import RunError
from scripts.verbs.report import run_rules
from tests.support import rule_jobs

ROOT = Path(__file__).resolve().parents[2]
LOUD = {"PYTHONVERBOSE": "1"}
"""Python itself, then, tells each import on standard error."""
PIPE = 64 << 10


def environment(**more: str) -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ} | more


def test_a_report_is_made_however_much_is_written_to_standard_error(tmp_path: Path) -> None:
    rule_jobs.learnt(tmp_path / "job")
    words, made = ["report", str(tmp_path / "job"), "--output", str(tmp_path / "out")], []
    say = Terminal(Console(file=io.StringIO()))
    work = threading.Thread(target=lambda: made.append(run_rules(words, environment(**LOUD), say)), daemon=True)
    work.start()
    work.join(120)
    assert not work.is_alive(), "the program waits for somebody to read its standard error"
    assert made == [tmp_path / "out" / "report.html"] and made[0].exists()
    command = [sys.executable, "-P", "-m", "rules", *words]
    alone = subprocess.run(command, env=environment(**LOUD, PYTHONPATH=str(ROOT)), capture_output=True)
    print(f"bytes on standard error: {len(alone.stderr):,}")
    assert len(alone.stderr) > PIPE, "the test writes too little to fill a pipe"


def test_of_a_program_that_failed_the_last_line_is_told(tmp_path: Path) -> None:
    say = Terminal(Console(file=io.StringIO()))
    with pytest.raises(RunError) as told:
        run_rules(["report"], environment(**LOUD), say)  # a usage error, amid many lines; Python's own come after it
    assert str(told.value).startswith("the report could not be made: ") and "\n" not in str(told.value)
    with pytest.raises(RunError, match=r"^the report could not be made: rules report: error: .*place"):
        run_rules(["report"], environment(), say)
