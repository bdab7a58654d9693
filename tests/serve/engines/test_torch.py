"""What the torch engine refuses, and what it records on a GPU. That it answers like the other is in test_engine."""

from pathlib import Path

import numpy as np
import pytest
import torch

from contract import manifest
from serve.engines import torch as engine_torch
from serve.errors import EngineError
from tests.support import artefact


def _load(base: Path) -> engine_torch.TorchEngine:
    return engine_torch.load(base / "model", manifest.read(base / "model"), threads=1, gpu=None, precision="auto")


def test_torch_names_an_unknown_architecture(tmp_path: Path) -> None:
    base = artefact.copy(artefact.small(), tmp_path / "ml")
    artefact.rewrite(base, architecture="resnet19")
    with pytest.raises(EngineError, match=r"architecture is 'resnet19'"):
        _load(base)


def test_torch_refuses_the_weights_of_another_architecture(tmp_path: Path) -> None:
    base = artefact.copy(artefact.small(), tmp_path / "ml")
    artefact.rewrite(base, architecture="resnet18")
    with pytest.raises(EngineError, match=r"^model\.safetensors: not the weights of resnet18"):
        _load(base)


@pytest.mark.parametrize(("batch", "sizes"), [(1, [1]), (2, [1, 2]), (12, [1, 2, 4, 8, 12]), (16, [1, 2, 4, 8, 16])])
def test_graphs_are_recorded_for_doubling_numbers_of_pictures(batch: int, sizes: list[int]) -> None:
    assert engine_torch.graph_sizes(batch) == sizes


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_graphs_on_a_gpu_answer_like_the_cpu_whatever_they_held_before(precision: str) -> None:
    folder = artefact.small() / "model"
    about = manifest.read(folder)
    on_cpu = engine_torch.load(folder, about, threads=1, precision="float32")
    on_gpu = engine_torch.load(folder, about, threads=1, batch=4, gpu=0, precision=precision)
    pictures = np.random.default_rng(4).integers(0, 256, (6, 64, 64, 3), np.uint8)
    expected = on_cpu.predict(pictures)
    for count in (4, 1, 3, 2, 6):
        found = on_gpu.predict(pictures[:count])
        assert np.abs(found - expected[:count]).max() < 0.02 * np.abs(expected).max()
