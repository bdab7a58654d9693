"""A real training on a GPU, with a profile of it; and how many training processes a GPU may have. Other jobs of this room's tests
keep to the CPU."""

import json
from pathlib import Path

import pytest
import torch

from contract import manifest
from tests.support.train_jobs import WHOLE, Container


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_a_training_on_a_gpu_is_seen_there(tmp_path: Path) -> None:
    container = Container(tmp_path / "ml", train=60, arch="resnet18", picture_size="64", batch_size="16", **WHOLE)
    container.put("profilerconfig", {"S3OutputPath": "s3://b/p", "ProfilingIntervalInMilliseconds": 100})
    saved = [{"CollectionName": name, "CollectionParameters": {"save_interval": "10"}} for name in ("losses", "gradients")]
    container.put("debughookconfig", {"CollectionConfigurations": saved})
    run = container.run(CUDA_VISIBLE_DEVICES="0")
    assert run.code == 0, run.err
    assert manifest.verify(container.layout.model).classes == ("a", "b", "c")
    machine, operators = (
        json.loads((container.layout.output_profiler / f"{name}.json").read_text()) for name in ("machine", "operators")
    )
    assert machine["device"] == "cuda" and machine["peak_flops"]["bfloat16"] > machine["peak_flops"]["float32"]
    assert operators["kernels"] and all(kernel["device_us"] > 0 for kernel in operators["kernels"])
    samples = [line for path in (container.layout.profiler / "train").rglob("*.json") for line in path.read_text().splitlines()]
    seen = {row["Dimension"] for row in map(json.loads, samples) if row["Name"] == "gpu0"}
    assert {"GPUUtilization", "GPUMemoryUtilization", "GPUMemoryUsedPercent"} <= seen


def test_a_gpu_has_one_training_process(tmp_path: Path) -> None:
    asked = tmp_path / "nvidia-smi"  # what counts the GPUs of a host
    asked.write_text("#!/bin/sh\necho 'GPU 0: one'\necho 'GPU 1: another'\n")
    asked.chmod(0o755)
    refusals = {
        "0": "processes: 2, but this host has 1 GPU(s); leave it auto for one process a GPU",
        "0,1": "batch-size: 1 is less than the 2 processes that share it",
    }
    for visible, refusal in refusals.items():
        container = Container(tmp_path / visible, processes="2", batch_size="1")
        run = container.run(PATH=f"{tmp_path}:/usr/bin:/bin", CUDA_VISIBLE_DEVICES=visible)
        assert run.code == 1 and refusal in container.failure
