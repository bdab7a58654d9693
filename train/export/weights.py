"""A model artefact of weights alone: enough for the GPU engine or to train on, but without the network that OpenVINO serves.

It is for models that are only compared, as a tuning's are, and needs neither torchvision nor openvino to be written.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from contract import manifest
from contract.manifest import WEIGHTS, Manifest
from contract.pictures.preprocess import Preprocessing


def export(
    folder: Path,
    state: Mapping[str, torch.Tensor],
    *,
    arch: str,
    classes: tuple[str, ...],
    spec: Preprocessing,
    metrics: Mapping[str, float],
    provenance: Mapping[str, Any],
) -> Manifest:
    """Writes the weights and their manifest into `folder`, in place of an earlier artefact."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.is_file():
            path.unlink()
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}, folder / WEIGHTS)
    (folder / WEIGHTS).chmod(0o644)  # safetensors makes it readable to its owner only
    return manifest.write(
        folder, Manifest(architecture=arch, classes=classes, preprocessing=spec, metrics=metrics, provenance=provenance)
    )
