"""The GPU engine: torchvision builds the architecture by name, safetensors fills it, torch runs it. Nothing is unpickled."""

from pathlib import Path

import numpy as np
import safetensors
import torch
import torchvision
from safetensors.torch import load_file

from contract.manifest import WEIGHTS, Manifest
from serve.errors import EngineError


class TorchEngine:
    """One network in evaluation mode on one device, in float32."""

    def __init__(self, network: torch.nn.Module, device: torch.device) -> None:
        self._network = network
        self._device = device

    def predict(self, pictures: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return self._network(torch.from_numpy(pictures).to(self._device)).cpu().numpy()


def load(folder: Path, manifest: Manifest, *, threads: int, gpu: int | None) -> TorchEngine:
    """Build and fill the network on CUDA device `gpu`, on the CPU for None. Raises EngineError naming the file."""
    torch.set_num_threads(threads)
    device = torch.device("cpu") if gpu is None else torch.device("cuda", gpu)
    classes = len(manifest.classes)
    try:
        network = torchvision.models.get_model(manifest.architecture, weights=None, num_classes=classes)
    except ValueError:
        raise EngineError(f"model.json: architecture is {manifest.architecture!r}, unknown to this torchvision") from None
    try:
        network.load_state_dict(load_file(folder / WEIGHTS), strict=True)
    except (RuntimeError, safetensors.SafetensorError) as error:
        reason = " ".join(str(error).split())[:200]
        raise EngineError(f"{WEIGHTS}: not the weights of {manifest.architecture} with {classes} classes ({reason})") from None
    return TorchEngine(network.eval().to(device), device)
