"""The GPU engine: torchvision builds the architecture by name, safetensors fills it, torch runs it. Nothing is unpickled."""

from pathlib import Path

import numpy as np
import safetensors
import torch
import torchvision
from safetensors.torch import load_file

from contract.manifest import WEIGHTS, Manifest
from contract.preprocess import Preprocessing, affine
from serve import engine
from serve.errors import EngineError


class TorchEngine:
    """One network in evaluation mode on one device, in float32 or bfloat16."""

    def __init__(self, network: torch.nn.Module, device: torch.device, precision: str, spec: Preprocessing) -> None:
        self.precision = precision
        self._device = device
        self._type = getattr(torch, precision)
        self._network = network.eval().to(device=device, dtype=self._type, memory_format=torch.channels_last)
        self._scale, self._shift = (torch.from_numpy(values).to(device) for values in affine(spec))

    def predict(self, pixels: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            # Bytes travel to the device, a quarter of what float32 would; seen as [n, 3, side, side] they are channels_last.
            numbers = torch.from_numpy(pixels).to(self._device).to(torch.float32) * self._scale - self._shift
            return self._network(numbers.to(self._type).permute(0, 3, 1, 2)).float().cpu().numpy()


def load(folder: Path, manifest: Manifest, *, threads: int, gpu: int | None, precision: str) -> TorchEngine:
    """Build and fill the network on CUDA device `gpu`, on the CPU for None. Raises EngineError naming the file."""
    torch.set_num_threads(threads)
    device = torch.device("cpu") if gpu is None else torch.device("cuda", gpu)
    fast = {"float32", "bfloat16"} if gpu is not None and torch.cuda.is_bf16_supported() else {"float32"}
    chosen = engine.choose(precision, manifest, able={"float32", "bfloat16"}, fast=fast)
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
    return TorchEngine(network, device, chosen, manifest.preprocessing)
