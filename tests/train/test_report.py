"""What is printed: metric lines the platform's regexes find; a live line on a terminal only; only the first rank speaks."""

import os
import pty
import subprocess
import sys

import pytest

from contract import metrics
from tests.support.train_jobs import ROOT
from train.report import Report


def test_metric_lines_are_found_by_the_regexes(capsys: pytest.CaptureFixture) -> None:
    report = Report(True)
    for number, row in enumerate(metrics.METRICS):
        report.metric(row.name, number + 0.5)
    report.progress("not on a terminal")
    out = capsys.readouterr().out
    assert metrics.scan(out) == {row.name: [number + 0.5] for number, row in enumerate(metrics.METRICS)}
    assert "terminal" not in out


def test_other_ranks_say_nothing(capsys: pytest.CaptureFixture) -> None:
    report = Report(False)
    report.say("x")
    report.metric("train:loss", 1.0)
    assert capsys.readouterr().out == ""


def test_a_terminal_has_a_live_line_that_is_cleared_for_others() -> None:
    program = "from train.report import Report; r = Report(True); r.progress('step 1'); r.progress('too soon'); r.say('done')"
    reader, writer = pty.openpty()
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, stdout=writer, check=True)
    os.close(writer)
    shown = os.read(reader, 4096).decode()
    os.close(reader)
    assert "step 1" in shown and "too soon" not in shown
    assert shown.endswith("\r\x1b[2Kdone\r\n")
