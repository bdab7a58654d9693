"""What GPUs wait for: all cores busy, a disk that is waited for, a data loader."""

from pathlib import Path

import numpy as np
import pytest

from rules.reading.system_metrics import CPU, GPU, IO_WAIT
from tests.rules.conftest import Evaluate
from tests.support.saved_profile import HOST, events, sample, steps

COUNT = 1200


def machine(folder: Path, cpus: list[float], gpu: float, wait: float = 0.0) -> Path:
    """A machine whose every core and GPU has one load all the time."""
    return sample(
        folder,
        {
            CPU: {f"cpu{core}": np.full(COUNT, load) for core, load in enumerate(cpus)},
            IO_WAIT: {f"cpu{core}": np.full(COUNT, wait) for core in range(len(cpus))},
            GPU: {"gpu0": np.full(COUNT, gpu)},
        },
    )


def test_all_cores_busy_and_the_gpu_idle(tmp_path: Path, evaluate: Evaluate) -> None:
    result = evaluate("CPUBottleneck", machine(tmp_path / "busy", [97.0] * 8, 3))
    assert result.status == "IssuesFound" and result.evidence[0].value == 100
    assert evaluate("CPUBottleneck", machine(tmp_path / "both", [97.0] * 8, 90)).status == "NoIssuesFound"


def test_one_busy_core_of_eight_is_no_bottleneck(tmp_path: Path, evaluate: Evaluate) -> None:
    """What 86 to 89 % of the bottlenecks in AWS's own reports are."""
    assert evaluate("CPUBottleneck", machine(tmp_path, [99.0] + [5.0] * 7, 3)).status == "NoIssuesFound"


def test_half_of_the_time_is_the_threshold(tmp_path: Path, evaluate: Evaluate) -> None:
    cores = {f"cpu{core}": np.where(np.arange(COUNT) % 10 < 4, 99.0, 10.0) for core in range(4)}
    folder = sample(tmp_path, {CPU: cores, GPU: {"gpu0": np.full(COUNT, 3.0)}})
    assert evaluate("CPUBottleneck", folder).status == "NoIssuesFound"
    result = evaluate("CPUBottleneck", folder, threshold=35)
    assert result.evidence[0].value == pytest.approx(40)


def test_waiting_for_io_is_summed_over_the_cores(tmp_path: Path, evaluate: Evaluate) -> None:
    """One program that waits and moves between eight cores: 10 % on each."""
    result = evaluate("IOBottleneck", machine(tmp_path / "waits", [10.0] * 8, 3, wait=10))
    assert result.status == "IssuesFound" and "the wait for I/O is above 50 %" in result.evidence[0].message
    assert evaluate("IOBottleneck", machine(tmp_path / "little", [10.0] * 8, 3, wait=2)).status == "NoIssuesFound"
    assert evaluate("IOBottleneck", machine(tmp_path / "busy", [10.0] * 8, 90, wait=10)).status == "NoIssuesFound"


def test_without_io_wait_nothing_is_judged(tmp_path: Path, evaluate: Evaluate) -> None:
    folder = sample(tmp_path, {CPU: {"cpu0": [1.0]}, GPU: {"gpu0": [1.0]}})
    assert "I/OWaitPercentage was not sampled" in evaluate("IOBottleneck", folder).details


def test_steps_that_wait_for_their_data(tmp_path: Path, evaluate: Evaluate) -> None:
    for name, wait, fires in (("waits", 0.06, True), ("flows", 0.002, False)):
        folder = events(tmp_path / name, steps([0.1] * 20, DataWait=[wait] * 20))
        result = evaluate("Dataloader", folder)
        assert (result.status == "IssuesFound") is fires and result.numbers["values"][HOST] == pytest.approx(
            1000 * wait, rel=0.01
        )


@pytest.mark.parametrize(("loaders", "fires"), [(1, True), (3, False), (9, True)])
def test_data_loader_processes_are_held_against_the_cores(tmp_path: Path, evaluate: Evaluate, loaders: int, fires: bool) -> None:
    sample(tmp_path, {CPU: {f"cpu{core}": np.full(COUNT, 1.0) for core in range(4)}})
    for loader in range(loaders):
        events(tmp_path, [("DataLoaderWorker", float(second), 0.5, second) for second in range(12)], process=100 + loader)
    assert (evaluate("Dataloader", tmp_path).status == "IssuesFound") is fires


def test_without_a_timeline_it_says_so(tmp_path: Path, evaluate: Evaluate) -> None:
    result = evaluate("Dataloader", machine(tmp_path, [10.0], 10))
    assert result.status == "Error" and "the job wrote no step events" in result.details
