"""A real training that measures itself: smdebug reads it, the rules judge it, the model is the same, no file's text is run."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from smdebug.profiler.analysis.utils.profiler_data_to_pandas import PandasFrame
from smdebug.profiler.system_metrics_reader import LocalSystemMetricsReader

from local_sagemaker.containers.system_metrics import SystemMetrics
from local_sagemaker.containers.untrusted_folder import UntrustedFolder
from tests.support.train_jobs import ROOT, Container, Ended, ended, wait_until


@dataclass(frozen=True, slots=True)
class Job:
    container: Container
    run: Ended

    @property
    def own(self) -> Path:
        """output/data/profiler"""
        return self.container.layout.output_profiler


def trained(base: Path, profiler: dict | None = None, **settings: str) -> Job:
    container = Container(base, test=2, **({"train": 10, "epochs": "3", "batch_size": "4", "profile": "on"} | settings))
    if profiler is not None:
        container.put("profilerconfig", profiler)
        container.put("debughookconfig", {"CollectionConfigurations": [{"CollectionName": "losses"}]})
    run = container.run(TRAINING_JOB_NAME="job-1", SMPROFILER_CONFIG_PATH=str(container.layout.profiler_config))
    assert run.code == 0, run.err
    return Job(container, run)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A job whose platform has no profiler."""
    return trained(tmp_path_factory.mktemp("plain") / "ml")


@pytest.fixture(scope="module")
def canary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that a command in profilerconfig.json makes."""
    return tmp_path_factory.mktemp("planted") / "canary"


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory, canary: Path) -> Job:
    """A job with smdebug's hook whose platform has a profiler: its own samples lie in output/profiler/system."""
    base = tmp_path_factory.mktemp("synced") / "ml"
    platform = SystemMetrics(UntrustedFolder(base, ("output", "profiler")), "algo-1", 100)
    for second in range(20):
        platform.sample(1_700_000_000.0 + second)
    command = f"__import__('os').system('touch {canary}')"
    planted = {f"{name}ProfilingConfig": command for name in ("Detailed", "Dataloader", "Python", "SMDataParallel")}
    return trained(base, {"S3OutputPath": "s3://b/p", "ProfilingIntervalInMilliseconds": 100, "ProfilingParameters": planted})


def judge(place: Path, rule: str, *parameters: str) -> tuple[int, str]:
    """The rules program's exit code for a folder, and what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "rules", rule, str(place), *parameters], cwd=ROOT, capture_output=True, text=True
    )
    assert not done.stderr
    return done.returncode, done.stdout


def test_without_a_platforms_profiler_all_files_come_with_the_jobs_output(plain: Job) -> None:
    assert not plain.container.layout.profiler.exists()
    frame = PandasFrame(str(plain.own))
    system, steps = frame.get_all_system_metrics(), frame.get_all_framework_metrics()
    assert {"CPUUtilization", "I/OWaitPercentage", "DiskWriteBytesPerSecond"} <= set(system["dimension"])
    assert set(system["nodeID"]) == {"algo-1"} and len(set(system["timestamp_us"])) >= 5
    assert sum(steps["framework_metric"] == "Step:ModeKeys.TRAIN") == len(plain.container.steps()) == 24
    assert sum(steps["framework_metric"] == "Step:ModeKeys.EVAL") == 3 * 3 + 2
    parts = {"DataWait", "Copy", "Forward", "Backward", "Optimizer"}
    assert parts <= set(steps["framework_metric"])


def test_steps_are_those_of_the_log_and_their_parts_make_them_up(plain: Job) -> None:
    rows = [json.loads(path.read_text()) for path in (plain.own / "framework").rglob("*timeline.json")]
    events = [row for file in rows for row in file if row["ph"] == "X" and row["args"]["mode"] == "TRAIN"]
    whole = {row["args"]["step_num"]: row["dur"] for row in events if row["name"].startswith("Step:")}
    assert list(whole) == [row["step"] for row in plain.container.steps()]
    for step, length in whole.items():
        parts = sum(row["dur"] for row in events if row["args"]["step_num"] == step and not row["name"].startswith("Step:"))
        assert 0 < parts <= length + 10
    assert sum(row["dur"] for row in events if not row["name"].startswith("Step:")) > 0.5 * sum(whole.values())


def test_the_work_of_a_step_its_operators_and_the_machine_are_written(plain: Job) -> None:
    operators = json.loads((plain.own / "operators.json").read_text())
    assert operators["steps"] == [3, 4] and operators["flops_per_step"] > 1e6
    assert "aten::convolution_backward" in {row["name"] for row in operators["operators"]}
    machine = json.loads((plain.own / "machine.json").read_text())
    assert machine["peak_flops"]["float32"] > 1e8 and machine["threads"] == 1
    assert "USDT" not in plain.run.out + plain.run.err and "gpuGetDeviceCount" not in plain.run.err


def test_with_it_the_steps_lie_with_the_platforms_samples_which_no_reader_counts_twice(synced: Job) -> None:
    folder = synced.container.layout.profiler
    reader = LocalSystemMetricsReader(str(folder))
    reader.refresh_event_file_list()
    theirs = reader.get_events(0, 1_700_000_100 * 1_000_000)
    assert {event.dimension for event in theirs} == {"CPUUtilization", "Algorithm"}
    assert sum(event.name == "cpu0" for event in theirs) == 20, "only what the platform took"
    own = PandasFrame(str(folder / "train")).get_all_system_metrics()
    assert {"CPUUtilization", "I/OWaitPercentage"} <= set(own["dimension"])
    assert list((folder / "framework").rglob("*timeline.json"))
    assert not (synced.own / "system").exists() and (synced.own / "operators.json").exists()


@pytest.mark.parametrize("rule", ["OverallSystemUsage", "OverallFrameworkMetrics", "StepOutlier"])
def test_the_rules_judge_both(plain: Job, synced: Job, rule: str) -> None:
    for place in (plain.own, synced.container.layout.profiler):
        code, says = judge(place, rule)
        assert code == 0 and f"{rule}: NoIssuesFound" in says, says


def test_a_machine_without_a_gpu_is_told_so(plain: Job) -> None:
    _, says = judge(plain.own, "CPUBottleneck", "patience=5")
    assert "no GPU was sampled on this job's machine" in says


def test_what_is_learnt_is_the_same_without(plain: Job, tmp_path: Path) -> None:
    off = trained(tmp_path / "ml", profile="off")
    assert off.container.steps() == plain.container.steps()
    weights = [job.container.layout.model / "model.safetensors" for job in (off, plain)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    assert not off.own.exists()


def test_nothing_in_profilerconfig_is_ever_run(synced: Job, canary: Path) -> None:
    assert list(synced.container.layout.tensors.rglob("*.tfevents")), "smdebug's hook was on"
    assert not canary.exists()
    config = str(synced.container.layout.profiler_config)
    environ = dict(os.environ) | {"SMPROFILER_CONFIG_PATH": config}
    subprocess.run([sys.executable, "-c", "import smdebug.pytorch"], cwd=ROOT, env=environ, capture_output=True)
    assert canary.exists(), "smdebug by itself runs it"


def test_an_unwritable_folder_costs_a_line_and_not_the_training(tmp_path: Path) -> None:
    container = Container(tmp_path / "ml", train=6, epochs="1", batch_size="4", profile="on")
    container.layout.output_data.mkdir(parents=True)
    container.layout.output_profiler.write_text("a file where the folder should be")
    run = container.run()
    assert run.code == 0, run.err
    said = [line for line in run.out.splitlines() if line.endswith("training goes on without")]
    assert len(said) == 4, run.out
    assert len({line.split(" cannot be written")[0] for line in said}) == 4, "each once"


def test_a_killed_and_resumed_training_leaves_files_that_can_be_read(tmp_path: Path) -> None:
    container = Container(tmp_path / "ml", train=10, epochs="2", checkpoint_interval="2", batch_size="4", profile="on")
    container.put("profilerconfig", {"ProfilingParameters": {"RotateFileCloseIntervalInSeconds": "0.2"}})
    process = container.start()
    wait_until(lambda: len(container.checkpoints()) >= 2 and list(container.layout.profiler.rglob("*timeline.json")))
    process.kill()
    ended(process)
    run = container.run()
    assert run.code == 0 and "resumed from the checkpoint" in run.out, run.err
    system = PandasFrame(str(container.layout.profiler / "train")).get_all_system_metrics()
    assert len(system) > 5
    for rule in ("OverallSystemUsage", "OverallFrameworkMetrics"):
        assert judge(container.layout.profiler, rule)[0] == 0
