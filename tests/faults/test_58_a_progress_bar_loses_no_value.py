"""Row 58: a progress bar writes all its states into one line, with carriage returns between them."""

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.local_server import LocalServer, job_request, log_lines, wait_for_job, wait_until

BAR = r"""
import sys, time
for number in range({states}):
    sys.stdout.write("{before}epoch 1:{padding} loss=" + str(number) + ";{after}")
{end}
sys.stdout.flush()
"""


def run(server: LocalServer, tmp_path: Path, name: str, **bar: Any) -> dict[str, Any]:
    """The job that prints such a bar, once it has ended."""
    (tmp_path / "bar.py").write_text(BAR.format(**{"states": 1000, "before": "\\r", "padding": "", "after": "", "end": ""} | bar))
    request = job_request(name)
    request["AlgorithmSpecification"]["ContainerEntrypoint"] = [sys.executable, str(tmp_path / "bar.py")]
    server.sagemaker.create_training_job(**request)
    return wait_for_job(server, name)


@pytest.mark.parametrize(
    ("name", "bar"),
    [
        ("before", {}),
        ("after", {"before": "", "after": "\\r"}),
        ("lines", {"before": "\\r", "after": "\\n"}),
        ("long", {"states": 20_000, "padding": "#" * 100}),
    ],
)
def test_the_last_value_counts(server: LocalServer, tmp_path: Path, name: str, bar: dict[str, Any]) -> None:
    job = run(server, tmp_path, f"bar-{name}", **bar)
    last = bar.get("states", 1000) - 1
    assert job["FinalMetricDataList"][0]["Value"] == last
    assert not any("characters of a line" in one["StatusMessage"] for one in job["SecondaryStatusTransitions"])
    print(f"{name}: the value of the last of {last + 1} states was found")


def test_what_is_not_looked_at_is_said(server: LocalServer, tmp_path: Path) -> None:
    end = "print(); print('x' * 300_000 + 'loss=7;'); print('loss=8;')"
    job = run(server, tmp_path, "bar-cut", end=end)
    assert job["FinalMetricDataList"][0]["Value"] == 8
    said = "Metrics are looked for in the first 8,192 characters of a line; a longer one was printed."
    assert any(said in one["StatusMessage"] for one in job["SecondaryStatusTransitions"])
    lines = log_lines(server, "bar-cut")
    assert f"[platform] {said}" in lines and sum(line.endswith("x[Truncated...]") for line in lines) == 1
    print(f"in the status message and in the log: {said}")


def test_a_bar_that_has_not_ended_is_seen_when_it_fills_a_piece(server: LocalServer, tmp_path: Path) -> None:
    (tmp_path / "bar.py").write_text(
        BAR.format(states=30_000, before="\\r", padding="#" * 50, after="", end="") + "time.sleep(60)"
    )
    request = job_request("bar-running")
    request["AlgorithmSpecification"]["ContainerEntrypoint"] = [sys.executable, str(tmp_path / "bar.py")]
    server.sagemaker.create_training_job(**request)
    describe = server.sagemaker.describe_training_job
    found = wait_until(lambda: describe(TrainingJobName="bar-running").get("FinalMetricDataList"), 30)
    server.sagemaker.stop_training_job(TrainingJobName="bar-running")
    assert found[0]["Value"] > 1000 and found[0]["Value"] == int(found[0]["Value"])
    wait_for_job(server, "bar-running")
