"""What a training ran on."""

import json
import os
from pathlib import Path

import torch

from train.profiling import hardware


def test_the_machine_is_described_and_its_peak_is_one_that_it_reaches(tmp_path: Path) -> None:
    hardware.write(tmp_path / "profiler", torch.device("cpu"))
    found = json.loads((tmp_path / "profiler" / "machine.json").read_text())
    assert found["device"] == "cpu" and found["threads"] == torch.get_num_threads()
    assert 1 <= found["cpus"] <= found["machine_cpus"] == os.cpu_count()
    assert found["processor"] and found["torch"] == torch.__version__ and found["memory_bytes"] > 1 << 28
    assert 1e8 < found["peak_flops"]["float32"] < 1e15
