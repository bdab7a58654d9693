"""The small interface every engine keeps to, and the choice between them. It holds no engine and imports none until asked.

An engine module offers `load`, with the arguments of the one here, which raises EngineError for a model that does not fit.
Preprocessing is split where bytes become numbers: whoever asks an engine scales and cuts, the engine normalises, for that costs
a tenth of an int8 prediction in numpy and next to nothing in the network.
"""

from collections.abc import Collection
from importlib import import_module
from pathlib import Path
from typing import Protocol

from contract.manifest import Manifest
from contract.pictures.preprocess import Pixels, Values
from serve.errors import EngineError

AUTO = "auto"


class Engine(Protocol):
    """A loaded model. `precision`: what it computes in, one of contract.precision.PRECISIONS."""

    precision: str

    def predict(self, pixels: Pixels) -> Values:
        """Scaled and cut pictures, uint8 [n, crop, crop, 3], to logits float32 [n, classes]."""
        ...


def out_of_memory(error: Exception) -> bool:
    """Whether an error says that memory ran out, the machine's or its GPU's. The engines have no type for it in common."""
    text = str(error)
    return (
        isinstance(error, MemoryError)
        or "OutOfMemory" in type(error).__name__
        or "allocate memory" in text
        or "bad_alloc" in text
    )


def load(
    name: str, folder: Path, manifest: Manifest, *, threads: int, batch: int = 1, gpu: int | None = None, precision: str = AUTO
) -> Engine:
    """Load the artefact in `folder` with the engine called `name` ("openvino" or "torch"), in `precision` or in the best one.

    `batch`: pictures it will be asked about at one time, at most, as far as it gains from knowing. `gpu`: of CUDA, None for CPUs.
    """
    module = import_module(f"serve.engines.{name}")
    return module.load(folder, manifest, threads=threads, batch=batch, gpu=gpu, precision=precision)


def choose(asked: str, manifest: Manifest, *, able: Collection[str], fast: Collection[str]) -> str:
    """The precision to load: `asked`, or for AUTO the fastest that training accepted.

    `able`: what this artefact and this machine can do at all; `fast`: what gains something here, float32 among it. Raises
    EngineError where `asked` is not to be had.
    """
    if asked == AUTO:
        return next(name for name in manifest.precision.accepted if name in fast)
    if asked not in able:
        raise EngineError(f"KENNEL_PRECISION is {asked}; this model on this machine has {', '.join(sorted(able))}, or {AUTO}")
    return asked
