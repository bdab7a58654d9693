"""What only reports, and the report over all: AWS's keys, without what AWS's report gets wrong."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rules.checks.catalog import make
from rules.checks.overall import PARTS
from rules.reading.system_metrics import CPU, GPU, GPU_MEMORY
from tests.rules.conftest import Evaluate
from tests.support.saved_profile import HOST, events, sample, steps

ROOT = Path(__file__).resolve().parents[3]


def busy(folder: Path, gpu: float = 92.0) -> Path:
    random = np.random.default_rng(0)
    cores = {f"cpu{core}": random.uniform(40, 60, 1200) for core in range(4)}
    load = {"gpu0": np.clip(random.normal(gpu, 3, 1200), 0, 100)}
    sample(folder, {CPU: cores, GPU: load, GPU_MEMORY: {"gpu0": np.full(1200, 80.0)}})
    return events(folder, steps([0.1] * 150, Forward=[0.04] * 150, Backward=[0.05] * 150))


def test_use_of_the_machine_by_node(tmp_path: Path, evaluate: Evaluate) -> None:
    sample(tmp_path, {CPU: {"cpu0": [0, 10, 20, 100], "cpu1": [0, 10, 20, 50]}})
    result = evaluate("OverallSystemUsage", tmp_path)
    assert result.numbers["algo-1"][CPU] == {"max": 75.0, "p99": 73.35, "p95": 66.75, "p50": 15.0, "min": 0.0}
    assert "GPUUtilization" not in result.numbers["algo-1"], "a machine without GPU has no numbers of one"


def test_shares_of_a_step_and_what_none_covers(tmp_path: Path, evaluate: Evaluate) -> None:
    result = evaluate("OverallFrameworkMetrics", busy(tmp_path))
    found = result.numbers[f"{HOST} TRAIN"]
    assert found["steps"] == 150 and found["milliseconds"]["p50"] == pytest.approx(100, abs=0.1)
    assert found["percent"] == pytest.approx({"Forward": 40.0, "Backward": 50.0, "Other": 10.0}, abs=0.1)
    assert sum(found["percent"].values()) == pytest.approx(100, abs=0.05)


def test_a_report_of_a_healthy_job(tmp_path: Path, evaluate: Evaluate) -> None:
    result = evaluate("ProfilerReport", busy(tmp_path))
    assert result.status == "NoIssuesFound"
    silent = "Dataloader, IOBottleneck, LoadBalancing"
    assert result.details == f"Not judged: {silent}; the reasons are in profiler-reports."


def test_a_report_names_the_rule_that_fired_and_goes_on_to_the_end(tmp_path: Path) -> None:
    """As the program, in AWS's layout."""
    folder, output = busy(tmp_path / "job", gpu=15), tmp_path / "output"
    done = subprocess.run(
        [sys.executable, "-m", "rules", "ProfilerReport", str(folder), "--output", str(output)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and "LowGPUUtilization: algo-1 gpu0: little used" in done.stdout
    reports = {path.stem: json.loads(path.read_text()) for path in (output / "profiler-output" / "profiler-reports").iterdir()}
    assert set(reports) == {part.__name__ for part in PARTS}
    low = reports["LowGPUUtilization"]
    assert list(low) == ["RuleTriggered", "Violations", "Details", "Datapoints", "RuleParameters"]
    assert (low["RuleTriggered"], low["Violations"], low["Datapoints"]) == (1, 1, 1200)
    assert "threshold_p95:70.0" in low["RuleParameters"].splitlines()
    assert reports["StepOutlier"]["RuleTriggered"] == 0
    assert "I/OWaitPercentage was not sampled" in reports["IOBottleneck"]["Details"]["not_judged"]


def test_a_report_takes_its_rules_parameters(tmp_path: Path, evaluate: Evaluate) -> None:
    folder = busy(tmp_path)
    assert evaluate("ProfilerReport", folder, LowGPUUtilization_threshold_p95=99.9).status == "IssuesFound"
    assert make("ProfilerReport", {}).to_the_end


def test_a_report_of_nothing_is_an_error(tmp_path: Path, evaluate: Evaluate) -> None:
    assert evaluate("ProfilerReport", tmp_path).status == "Error"
