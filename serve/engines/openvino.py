"""The CPU engine: OpenVINO runs the artefact's network in int8, bfloat16 or float32. It never looks at the safetensors."""

import sys
from collections.abc import Collection, Iterable
from pathlib import Path
from types import ModuleType
from typing import cast

import numpy as np

# Importing openvino reports the import to its makers when this package can be found; with None, it cannot.
sys.modules["openvino_telemetry"] = cast(ModuleType, None)
import openvino as ov  # noqa: E402
from openvino.preprocess import PrePostProcessor  # noqa: E402

from contract.manifest import Manifest  # noqa: E402
from contract.pictures.preprocess import Pixels, Preprocessing, Values  # noqa: E402
from contract.precision import GRAPHS  # noqa: E402
from serve.engines import engine  # noqa: E402
from serve.errors import EngineError  # noqa: E402

_INT8_FLAGS = frozenset({"avx512_vnni", "avx_vnni", "amx_int8"})
"""Of /proc/cpuinfo. OpenVINO runs int8 on any processor, and says so, but only with one of these is it much faster."""
_SIZES = {"int8": (2, 1)}
"""Pictures a network is compiled for, most first; one, where nothing is said. Two int8 pictures together cost 7 % less than in
turn and 22 MiB a worker; in bfloat16 and float32 it is 3 % and 72 or 98 MiB."""


class OpenVinoEngine:
    """The network compiled for some fixed numbers of pictures, with one stream: one worker's requests come one after the other.

    Fixed, because a shape left open is slower; and with an input of its own that pictures are copied into, because an input
    that is another one each time costs the plugin 0.2 of an int8 picture's 9.5 ms.
    """

    def __init__(self, networks: Iterable[ov.CompiledModel], precision: str) -> None:
        """`networks`: for different numbers of pictures, most first, one picture last."""
        self.precision = precision
        self._requests: list[tuple[Pixels, ov.InferRequest]] = []
        for network in networks:
            pixels, request = np.zeros(network.inputs[0].shape, np.uint8), network.create_infer_request()
            request.set_input_tensor(ov.Tensor(pixels, shared_memory=True))
            request.infer()  # the first takes longer
            self._requests.append((pixels, request))

    def predict(self, pixels: Pixels) -> Values:
        answers, rest = [], pixels
        for taken, request in self._requests:
            while len(rest) >= len(taken):
                taken[:], rest = rest[: len(taken)], rest[len(taken) :]
                answers.append(request.infer()[0])
        return np.concatenate(answers)


def load(
    folder: Path, manifest: Manifest, *, threads: int, batch: int = 1, gpu: int | None = None, precision: str = engine.AUTO
) -> OpenVinoEngine:
    """Compile the network for `threads` threads. Raises EngineError naming the file and what does not fit."""
    core = ov.Core()
    fast = fast_precisions(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
    able = fast | {"int8"} if GRAPHS["int8"] in manifest.files else fast - {"int8"}
    chosen = engine.choose(precision, manifest, able=able, fast=fast)
    file = GRAPHS[chosen]
    if file not in manifest.files:
        raise EngineError(
            f"{file}: the model has only its weights (export was weights); train it with export full to serve it on CPUs"
        )
    try:
        network = core.read_model(folder / file)
        _fit(network, file, manifest)
        network = _taking_pixels(network, manifest.preprocessing)
        settings = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            # Left alone, a newer CPU would run in bfloat16 whether or not the training program found that good enough.
            "INFERENCE_PRECISION_HINT": "bf16" if chosen == "bfloat16" else "f32",
            # Pinning knows nothing of the neighbours: two workers would be pinned to the same core.
            "ENABLE_CPU_PINNING": False,
        }
        compiled = []
        for size in _SIZES.get(chosen, (1,)):
            if size <= batch:
                network.reshape([size, *network.inputs[0].shape[1:]])
                compiled.append(core.compile_model(network, "CPU", settings))
        return OpenVinoEngine(compiled, chosen)
    except RuntimeError as error:
        raise EngineError(f"{file}: OpenVINO cannot load it ({_first_line(error)})") from None


def fast_precisions(capabilities: Collection[str], cpuinfo: Path = Path("/proc/cpuinfo")) -> set[str]:
    """What gains something on this processor, by OpenVINO's list of capabilities and the kernel's list of flags."""
    flags = next((line.split(":", 1)[1] for line in cpuinfo.read_text().splitlines() if line.startswith("flags")), "")
    fast = {"float32"}
    if "BF16" in capabilities:
        fast.add("bfloat16")
    if _INT8_FLAGS & set(flags.split()):
        fast.add("int8")
    return fast


def _fit(network: ov.Model, file: str, manifest: Manifest) -> None:
    """Fix the input to one picture, and see that input and output are what the manifest says."""
    if len(network.inputs) != 1 or len(network.outputs) != 1:
        raise EngineError(f"{file}: {len(network.inputs)} inputs and {len(network.outputs)} outputs; need one of each")
    crop = manifest.preprocessing.crop
    given = network.inputs[0].get_partial_shape()
    if not given.compatible(ov.PartialShape([1, 3, crop, crop])):
        raise EngineError(f"{file}: input is {given}; model.json prepares pictures as [n,3,{crop},{crop}]")
    network.reshape([1, 3, crop, crop])
    logits, classes = network.outputs[0].get_partial_shape(), len(manifest.classes)
    if not logits.compatible(ov.PartialShape([1, classes])):
        raise EngineError(f"{file}: output is {logits}; model.json lists {classes} classes")


def _taking_pixels(network: ov.Model, spec: Preprocessing) -> ov.Model:
    """The network with the normalising before it: input uint8 [1, crop, crop, 3]."""
    steps = PrePostProcessor(network)
    steps.input().tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC")).set_shape([1, spec.crop, spec.crop, 3])
    steps.input().model().set_layout(ov.Layout("NCHW"))
    numbers = steps.input().preprocess().convert_element_type(ov.Type.f32)
    numbers.mean([255.0 * value for value in spec.mean]).scale([255.0 * value for value in spec.std])
    return steps.build()


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:200]
