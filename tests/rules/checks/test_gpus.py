"""GPUs that are little used, unequally used, or whose memory grows."""

from pathlib import Path

import numpy as np
import pytest

from rules.checks.gpus import distance
from rules.reading.profile import Profile
from rules.reading.source import Folder
from rules.reading.system_metrics import CPU, GPU, GPU_FOOTPRINT, GPU_MEMORY
from tests.rules.conftest import Evaluate
from tests.support.saved_profile import sample

COUNT = 1200
RANDOM = np.random.default_rng(0)


def around(mean: float, spread: float = 3.0, count: int = COUNT) -> np.ndarray:
    return np.clip(RANDOM.normal(mean, spread, count), 0, 100)


def machine(folder: Path, cpu: object, gpu: object, memory: object, **more: object) -> Path:
    return sample(folder, {CPU: {"cpu0": cpu, "cpu1": cpu}, GPU: {"gpu0": gpu}, GPU_MEMORY: {"gpu0": memory}, **more})


def test_a_small_batch_leaves_everything_idle(tmp_path: Path, evaluate: Evaluate) -> None:
    small = machine(tmp_path / "small", around(30), around(40), around(20))
    result = evaluate("BatchSize", small)
    assert result.status == "IssuesFound" and result.evidence[0].subject == "algo-1 gpu0"
    for name, busy in {"cpu": (90, 40, 20), "gpu": (30, 90, 20), "memory": (30, 40, 90)}.items():
        assert evaluate("BatchSize", machine(tmp_path / name, *map(around, busy))).status == "NoIssuesFound", name


def test_memory_that_is_taken_counts_more_than_its_activity(tmp_path: Path, evaluate: Evaluate) -> None:
    full = machine(tmp_path, around(30), around(40), around(5), **{GPU_FOOTPRINT: {"gpu0": around(95, 1)}})
    assert evaluate("BatchSize", full).status == "NoIssuesFound"


def test_little_used_and_up_and_down(tmp_path: Path, evaluate: Evaluate) -> None:
    idle = evaluate("LowGPUUtilization", machine(tmp_path / "idle", around(30), around(20), around(20)))
    assert idle.status == "IssuesFound" and idle.evidence[0].message.startswith("little used")
    waves = np.where(np.arange(COUNT) % 20 < 10, 95.0, 2.0)
    moody = evaluate("LowGPUUtilization", machine(tmp_path / "moody", around(30), waves, around(20)))
    assert moody.status == "IssuesFound" and moody.evidence[0].message.startswith("up and down")
    busy = evaluate("LowGPUUtilization", machine(tmp_path / "busy", around(30), around(92), around(20)))
    assert busy.status == "NoIssuesFound" and busy.details == ""


def test_only_the_window_counts(tmp_path: Path, evaluate: Evaluate) -> None:
    late = machine(tmp_path, around(30), np.concatenate([around(5, count=700), around(90, count=500)]), around(20))
    assert evaluate("LowGPUUtilization", late).status == "NoIssuesFound"
    assert evaluate("LowGPUUtilization", late, window=1200).status == "IssuesFound"


def test_a_short_job_is_told_that_nothing_was_judged(tmp_path: Path, evaluate: Evaluate) -> None:
    short = machine(tmp_path, around(30, count=200), around(20, count=200), around(20, count=200))
    result = evaluate("LowGPUUtilization", short)
    assert result.status == "NoIssuesFound"
    assert result.details == "LowGPUUtilization judged nothing: patience is 1000 and 200 samples came. Set a smaller patience."
    assert evaluate("LowGPUUtilization", short, patience=100).status == "IssuesFound"


@pytest.mark.parametrize("rule", ["LowGPUUtilization", "BatchSize", "GPUMemoryIncrease", "LoadBalancing", "CPUBottleneck"])
def test_a_machine_without_gpus_has_nothing_to_judge(tmp_path: Path, evaluate: Evaluate, rule: str) -> None:
    result = evaluate(rule, sample(tmp_path / "cpus", {CPU: {"cpu0": around(50)}}))
    assert result.status == "NoIssuesFound" and "no GPU was sampled on this job's machine" in result.details
    (tmp_path / "nothing").mkdir()
    result = evaluate(rule, tmp_path / "nothing")
    assert result.status == "Error" and "the job has no system metrics. Give it a ProfilerConfig" in result.details


def test_memory_that_grows(tmp_path: Path, evaluate: Evaluate) -> None:
    leak = {GPU_FOOTPRINT: {"gpu0": np.linspace(10, 100, COUNT)}}
    flat = {GPU_FOOTPRINT: {"gpu0": around(60, 0.5)}}
    assert (
        evaluate("GPUMemoryIncrease", machine(tmp_path / "flat", around(30), around(90), around(20), **flat)).status
        == "NoIssuesFound"
    )
    grows = machine(tmp_path / "leak", around(30), around(90), around(20), **leak)
    result = evaluate("GPUMemoryIncrease", grows, window=100)
    assert result.status == "IssuesFound" and result.evidence[0].value == pytest.approx(100 * 90 / (COUNT - 1), rel=0.01)
    assert evaluate("GPUMemoryIncrease", grows, window=10).status == "NoIssuesFound", "0.75 points in ten samples"


def test_unequal_loads(tmp_path: Path, evaluate: Evaluate) -> None:
    for name, loads, fires in (("unequal", (95, 20), True), ("equal", (60, 60), False)):
        folder = sample(tmp_path / name, {GPU: {f"gpu{index}": around(load) for index, load in enumerate(loads)}})
        result = evaluate("LoadBalancing", folder)
        assert (result.status == "IssuesFound") is fires
    assert evaluate("LoadBalancing", sample(tmp_path / "one", {GPU: {"gpu0": around(50)}})).details.endswith(
        "the job has one GPU."
    )


def test_every_pair_across_nodes_is_compared(tmp_path: Path, evaluate: Evaluate) -> None:
    """The same GPU of two nodes: AWS's compares gpu0 of one with gpu1 of the other alone."""
    sample(tmp_path, {GPU: {"gpu0": around(95)}}, "algo-1")
    sample(tmp_path, {GPU: {"gpu0": around(20)}}, "algo-2")
    assert [one.subject for one in evaluate("LoadBalancing", tmp_path).evidence] == ["algo-1 gpu0 and algo-2 gpu0"]


def test_samples_of_full_use_are_not_lost() -> None:
    """Above 98 % AWS's histogram has no bin: there, a fully used GPU is like any other."""
    full, idle = np.full(100, 100.0), np.zeros(100)
    assert distance(full, idle) == pytest.approx(np.log(2) ** 0.5) and distance(full, full) == 0
    half = np.concatenate([full[:50], np.full(50, 50.0)])
    assert 0.3 < distance(full, half) < 0.5


def test_a_scan_counts_nothing_twice(tmp_path: Path) -> None:
    from rules.checks.catalog import make

    profile = Profile(Folder(machine(tmp_path, around(30), around(20), around(20))))
    rule = make("LowGPUUtilization", {})
    for _ in range(3):
        profile.poll()
        assert len(rule.scan(profile)) == 1 and rule.tested == 1 and rule.datapoints == COUNT
