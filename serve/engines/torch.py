"""The GPU engine: torchvision builds the architecture by name, safetensors fills it, torch runs it. Nothing is unpickled."""

from collections.abc import Callable
from pathlib import Path

import safetensors
import torch
import torchvision
from safetensors.torch import load_file

from contract.manifest import WEIGHTS, Manifest
from contract.pictures.preprocess import Pixels, Preprocessing, Values, affine
from serve.engines import engine
from serve.errors import EngineError

Forward = Callable[[torch.Tensor], torch.Tensor]
"""uint8 [n, crop, crop, 3] to logits float32 [n, classes], on one device."""


class TorchEngine:
    """One network in evaluation mode on one device, in float32 or bfloat16. On a GPU it runs as CUDA graphs."""

    def __init__(
        self, network: torch.nn.Module, device: torch.device, precision: str, spec: Preprocessing, batch: int = 1
    ) -> None:
        self.precision = precision
        self._type: torch.dtype = getattr(torch, precision)
        self._network = network.eval().to(device, self._type).to(memory_format=torch.channels_last)
        self._scale, self._shift = (torch.from_numpy(values).to(device) for values in affine(spec))
        with torch.inference_mode():
            shapes = [(size, spec.crop, spec.crop, 3) for size in graph_sizes(batch)] if device.type == "cuda" else []
            self._graphs = [_Graph(self._forward, torch.zeros(shape, dtype=torch.uint8, device=device)) for shape in shapes]

    def predict(self, pixels: Pixels) -> Values:
        with torch.inference_mode():
            given = torch.from_numpy(pixels)
            run = next((graph for graph in self._graphs if len(given) <= graph.size), self._forward)
            return run(given).cpu().numpy()

    def _forward(self, pixels: torch.Tensor) -> torch.Tensor:
        # Bytes travel to the device, a quarter of what float32 would; seen as [n, 3, side, side] they are channels_last.
        numbers = pixels.to(self._scale.device).to(torch.float32) * self._scale - self._shift
        return self._network(numbers.to(self._type).permute(0, 3, 1, 2)).float()


class _Graph:
    """`forward` on one fixed number of pictures, recorded: the CPU launches it at once, not kernel by kernel, which takes it
    longer than such a batch takes the GPU. Called with fewer pictures, it computes on what its other places held before."""

    def __init__(self, forward: Forward, pixels: torch.Tensor) -> None:
        self.size = len(pixels)
        self._pixels = pixels
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(3):  # libraries set themselves up in the first calls, which a recording cannot hold
                forward(pixels)
        torch.cuda.current_stream().wait_stream(aside)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._logits = forward(pixels)

    def __call__(self, pixels: torch.Tensor) -> torch.Tensor:
        self._pixels[: len(pixels)].copy_(pixels)
        self._graph.replay()
        return self._logits[: len(pixels)]


def graph_sizes(batch: int) -> list[int]:
    """1, 2, 4 and so on up to `batch`, which is the last: numbers of pictures for which a GPU's graphs are recorded."""
    return [1 << power for power in range((batch - 1).bit_length())] + [batch]


def load(
    folder: Path, manifest: Manifest, *, threads: int, batch: int = 1, gpu: int | None = None, precision: str = engine.AUTO
) -> TorchEngine:
    """Build and fill the network on CUDA device `gpu`, on the CPU for None. Raises EngineError naming the file."""
    torch.set_num_threads(threads)
    device = torch.device("cpu") if gpu is None else torch.device("cuda", gpu)
    if gpu is not None:
        torch.cuda.set_device(device)
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
    return TorchEngine(network, device, chosen, manifest.preprocessing, batch)
