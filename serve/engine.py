"""The small interface every engine keeps to, and the choice between them. It holds no engine and imports none until asked.

An engine module offers `load(folder, manifest, threads, gpu)`, which raises EngineError for a model that does not fit.
"""

from importlib import import_module
from pathlib import Path
from typing import Protocol

import numpy as np

from contract.manifest import Manifest


class Engine(Protocol):
    """A loaded model."""

    def predict(self, pictures: np.ndarray) -> np.ndarray:
        """Pictures float32 [n, 3, crop, crop] to logits float32 [n, classes]."""
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


def load(name: str, folder: Path, manifest: Manifest, *, threads: int, gpu: int | None) -> Engine:
    """Load the artefact in `folder` with the engine called `name` ("openvino" or "torch")."""
    return import_module(f"serve.engine_{name}").load(folder, manifest, threads=threads, gpu=gpu)
