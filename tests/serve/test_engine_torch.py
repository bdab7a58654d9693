"""What the torch engine refuses. That it answers like the other is in test_engine."""

from pathlib import Path

import pytest

from contract import manifest
from serve import engine_torch
from serve.errors import EngineError
from tests import artefact


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
