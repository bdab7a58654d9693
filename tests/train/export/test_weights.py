"""An artefact of weights alone: it verifies, holds the very tensors, and takes the place of a whole one."""

from pathlib import Path

import torch
from safetensors.torch import load_file

from contract import manifest
from contract.pictures.preprocess import Preprocessing
from train.export import weights


def test_it_verifies_and_replaces_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "model.xml").write_text("of an earlier one")
    state = {"a": torch.randn(3, 2).t(), "b": torch.tensor(3)}
    weights.export(
        tmp_path,
        state,
        arch="resnet18",
        classes=("x", "y"),
        spec=Preprocessing(),
        metrics={"validation:loss": 0.5},
        provenance={},
    )
    assert set(manifest.verify(tmp_path).files) == {"model.safetensors"}
    assert all(torch.equal(tensor, state[name]) for name, tensor in load_file(tmp_path / "model.safetensors").items())
    assert (tmp_path / "model.safetensors").stat().st_mode & 0o044 == 0o044
