"""The CPU engine: OpenVINO runs model.xml and model.bin of the artefact in float32. It never looks at the safetensors."""

import sys
from pathlib import Path

import numpy as np

# Importing openvino reports the import to its makers when this package can be found; with None, it cannot.
sys.modules["openvino_telemetry"] = None
import openvino as ov  # noqa: E402

from contract.manifest import Manifest  # noqa: E402
from serve.errors import EngineError  # noqa: E402

GRAPH = "model.xml"


class OpenVinoEngine:
    """One compiled network with one stream: requests of one worker come one after the other."""

    def __init__(self, compiled: ov.CompiledModel) -> None:
        self._request = compiled.create_infer_request()

    def predict(self, pictures: np.ndarray) -> np.ndarray:
        # Compiled for one picture: a fixed shape is faster, and on a CPU a batch gains nothing over its pictures in turn.
        answers = [self._request.infer([picture[np.newaxis]], share_inputs=True)[0] for picture in pictures]
        return np.concatenate(answers)


def load(folder: Path, manifest: Manifest, *, threads: int, gpu: int | None) -> OpenVinoEngine:
    """Compile the network for `threads` threads. Raises EngineError naming the file and what does not fit."""
    try:
        core = ov.Core()
        network = core.read_model(folder / GRAPH)
        _fit(network, manifest)
        settings = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            # Left alone, a newer CPU would run in bfloat16 and answer a little differently from the training program.
            "INFERENCE_PRECISION_HINT": "f32",
            # Pinning knows nothing of the neighbours: two workers would be pinned to the same core.
            "ENABLE_CPU_PINNING": False,
        }
        return OpenVinoEngine(core.compile_model(network, "CPU", settings))
    except RuntimeError as error:
        raise EngineError(f"{GRAPH}: OpenVINO cannot load it ({_first_line(error)})") from None


def _fit(network: ov.Model, manifest: Manifest) -> None:
    """Fix the input to one picture, and see that input and output are what the manifest says."""
    if len(network.inputs) != 1 or len(network.outputs) != 1:
        raise EngineError(f"{GRAPH}: {len(network.inputs)} inputs and {len(network.outputs)} outputs; need one of each")
    crop = manifest.preprocessing.crop
    given = network.inputs[0].get_partial_shape()
    if not given.compatible(ov.PartialShape([1, 3, crop, crop])):
        raise EngineError(f"{GRAPH}: input is {given}; model.json prepares pictures as [n,3,{crop},{crop}]")
    network.reshape([1, 3, crop, crop])
    logits, classes = network.outputs[0].get_partial_shape(), len(manifest.classes)
    if not logits.compatible(ov.PartialShape([1, classes])):
        raise EngineError(f"{GRAPH}: output is {logits}; model.json lists {classes} classes")


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:200]
