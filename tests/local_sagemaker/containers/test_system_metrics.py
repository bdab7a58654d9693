"""System metrics in the files that the profiler's readers expect."""

import json
import time
from pathlib import Path

from local_sagemaker.containers.system_metrics import SystemMetrics
from local_sagemaker.containers.untrusted_folder import UntrustedFolder


def test_samples_are_one_json_object_a_line_in_a_file_a_minute(tmp_path: Path) -> None:
    metrics = SystemMetrics(UntrustedFolder(tmp_path), "algo-1", 500)
    began = 1_700_000_000.0
    for moment in (began, began + 0.1, began + 0.6, began + 60):
        time.sleep(0.02)
        metrics.sample(moment)
    metrics.close()
    files = sorted(tmp_path.rglob("*.json"))
    assert [file.relative_to(tmp_path).as_posix() for file in files] == [
        "system/incremental/2023111422/1699999980.algo-1.json",
        "system/incremental/2023111422/1700000040.algo-1.json",
    ]
    assert files[0].read_text().endswith("\n")
    rows = [json.loads(line) for line in files[0].read_text().splitlines()]
    assert {row["Timestamp"] for row in rows} == {began, began + 0.6}  # the one in between was too early
    first = rows[0]
    assert (first["Type"], first["Name"], first["Dimension"], first["NodeId"]) == ("cpu", "cpu0", "CPUUtilization", "algo-1")
    assert all(0 <= row["Value"] <= 100 for row in rows)
    assert rows[-1]["Name"] == "MemoryUsedPercent"
