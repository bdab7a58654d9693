"""System metrics are read as smdebug reads them, while they are being written."""

import json
from pathlib import Path

import numpy as np
import pytest
from smdebug.profiler.system_metrics_reader import LocalSystemMetricsReader

from rules.errors import SourceError
from rules.reading.source import Folder
from rules.reading.system_metrics import CPU, GPU, SystemMetrics
from tests.support.saved_profile import START, sample


def test_it_sees_what_smdebug_sees(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for node in ("algo-1", "algo-2"):
        cores = {f"cpu{core}": random.uniform(0, 100, 300) for core in range(2)}
        sample(tmp_path, {CPU: cores, GPU: {"gpu0": random.uniform(0, 100, 300)}}, node)
    reader = LocalSystemMetricsReader(str(tmp_path))
    reader.refresh_event_file_list()
    theirs = reader.get_events(int((START - 1) * 1e6), int((START + 1000) * 1e6))
    system = SystemMetrics(Folder(tmp_path))
    system.poll()
    ours = sum(len(series.values) for name in (CPU, GPU) for series in system.devices(name).values())
    assert ours == len(theirs) == 2 * 3 * 300 and system.nodes() == ["algo-1", "algo-2"] and system.started == START
    mine = sum(sum(series.values) for series in system.devices(GPU).values())
    assert mine == pytest.approx(sum(event.value for event in theirs if event.dimension == GPU))


def test_a_file_that_grows_is_read_on_from_where_it_was(tmp_path: Path) -> None:
    file = tmp_path / "system" / "incremental" / "1700000000.algo-1.json"
    file.parent.mkdir(parents=True)
    rows = [
        json.dumps({"Type": "gpu", "Name": "gpu0", "Dimension": GPU, "Value": at, "Timestamp": START + at}) for at in range(3)
    ]
    system = SystemMetrics(Folder(tmp_path))
    system.poll()
    assert system.nodes() == []
    file.write_text(rows[0] + "\n" + rows[1][:20])
    system.poll()
    assert system.devices(GPU)["algo-1", "gpu0"].values.tolist() == [0.0], "half a line is none"
    file.write_text("\n".join(rows) + "\n\n")
    system.poll()
    system.poll()
    assert system.devices(GPU)["algo-1", "gpu0"].values.tolist() == [0.0, 1.0, 2.0]


def test_cores_sampled_together_are_one_snapshot(tmp_path: Path) -> None:
    sample(tmp_path, {CPU: {"cpu0": [0, 100], "cpu1": [50, 100]}})
    sample(tmp_path, {CPU: {"cpu0": [10]}}, "algo-2")
    system = SystemMetrics(Folder(tmp_path))
    system.poll()
    found = system.node_samples(CPU, "algo-1")
    assert found.total.tolist() == [50, 200] and found.mean.tolist() == [25, 100] and len(found.times) == 2
    assert system.node_samples(CPU, "algo-2").mean.tolist() == [10] and system.node_samples(GPU, "algo-1") is None


@pytest.mark.parametrize("line", ["nonsense", "{}", '{"Timestamp": 1, "Value": "much", "Dimension": "x"}', "[]"])
def test_a_bad_line_is_named(tmp_path: Path, line: str) -> None:
    sample(tmp_path, {GPU: {"gpu0": [1]}})
    file = next((tmp_path / "system").rglob("*.algo-1.json"))
    file.write_text(file.read_text() + line + "\n")
    with pytest.raises(SourceError, match=file.name):
        SystemMetrics(Folder(tmp_path)).poll()


def test_the_programs_own_samples_go_before_the_platforms_and_nothing_counts_twice(tmp_path: Path) -> None:
    sample(tmp_path, {CPU: {"cpu0": [50] * 6}})
    system = SystemMetrics(Folder(tmp_path))
    system.poll()
    assert system.devices(CPU)["algo-1", "cpu0"].values.tolist() == [50] * 6, "as long as there are no others"
    sample(tmp_path / "train", {CPU: {"cpu0": [20] * 4}, GPU: {"gpu0": [90] * 4}})
    system.poll()
    system.poll()
    assert system.devices(CPU)["algo-1", "cpu0"].values.tolist() == [20] * 4
    assert system.devices(GPU)["algo-1", "gpu0"].values.tolist() == [90] * 4
