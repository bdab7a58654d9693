"""The whole model artefact: weights, OpenVINO's forms of the network, and the manifest that makes it valid.

The network is built anew and given the trained weights, so nothing that watched or spread the training gets into it.
Written so that a kill in the middle leaves no manifest, and a folder without one does not verify.
"""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import torch
from openvino import opset15 as opset
from openvino.frontend import FrontEndManager
from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder
from safetensors.torch import save_file
from torch import nn

from contract import manifest
from contract.manifest import MANIFEST, WEIGHTS, Manifest
from contract.pictures.preprocess import Preprocessing
from contract.precision import GRAPHS, Precision
from train.errors import ExportError
from train.export import quantize
from train.export.quantize import Samples
from train.model import network
from train.report import Report

INPUT, OUTPUT = "pictures", "logits"
_IR = GRAPHS["float32"]
_TOLERANCE = 1e-3
"""Largest difference between both engines' logits, as a share of the largest logit."""


def export(
    folder: Path,
    state: Mapping[str, torch.Tensor],
    *,
    arch: str,
    classes: tuple[str, ...],
    spec: Preprocessing,
    metrics: Mapping[str, float],
    provenance: Mapping[str, Any],
    samples: Samples | None,
    report: Report,
) -> Manifest:
    """Writes the artefact of trained weights into `folder`, in place of an earlier one; with `samples`, int8 too if it is good.

    model.xml takes `pictures` float32 [?, 3, crop, crop] and gives `logits` float32 [?, classes]. Raises ExportError when
    it does not compute what the network does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    graphs = {Path(name).with_suffix(suffix) for name in GRAPHS.values() for suffix in (".xml", ".bin")}
    for name in (MANIFEST, WEIGHTS, *map(str, graphs)):
        (folder / name).unlink(missing_ok=True)
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    module = network.build(arch, len(classes), spec.crop)
    module.load_state_dict(weights)
    module.eval()
    save_file(weights, folder / WEIGHTS)
    converted = _converted(module, spec.crop, len(classes))
    openvino.save_model(converted, folder / _IR, compress_to_fp16=False)
    _compare(module, folder / _IR, spec.crop)
    precision = quantize.choose(folder, converted, samples, report) if samples else Precision()
    (folder / WEIGHTS).chmod(0o644)  # safetensors makes it readable to its owner only
    described = Manifest(
        architecture=arch, classes=classes, preprocessing=spec, precision=precision, metrics=metrics, provenance=provenance
    )
    return manifest.write(folder, described)


def _converted(module: nn.Module, side: int, classes: int) -> openvino.Model:
    # openvino.convert_model would do this too, but starts telemetry. Torch's own check of the trace is left out: it runs the
    # network thrice more, and what comes out of the conversion is compared with the network anyway.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        decoder = TorchScriptPythonDecoder(
            module, example_input=(torch.zeros(2, 3, side, side),), trace_kwargs={"check_trace": False}
        )
    frontend = FrontEndManager().load_by_framework("pytorch")
    model = frontend.convert(frontend.load(decoder))
    pictures = model.get_parameters()[0]
    pictures.set_element_type(openvino.Type.f32)
    pictures.set_partial_shape(openvino.PartialShape([-1, 3, side, side]))
    pictures.set_friendly_name(INPUT)
    model.inputs[0].get_tensor().set_names({INPUT})
    model.validate_nodes_and_infer_types()
    if not model.outputs[0].partial_shape[1].is_static:
        # Some networks' last flattening hides the number of classes from OpenVINO.
        end = model.get_results()[0].input(0)
        end.replace_source_output(opset.reshape(end.get_source_output(), np.array([-1, classes]), special_zero=False).output(0))
        model.validate_nodes_and_infer_types()
    model.outputs[0].get_tensor().set_names({OUTPUT})
    return model


def _compare(module: nn.Module, ir: Path, side: int) -> None:
    # Another number of pictures than was traced with: it must not have been baked in.
    pictures = np.random.default_rng(0).standard_normal((3, 3, side, side), dtype=np.float32)
    compiled = openvino.Core().compile_model(ir, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    answer = compiled({INPUT: pictures})[OUTPUT]
    with torch.no_grad():
        expected = module(torch.from_numpy(pictures)).numpy()
    worst = float(np.abs(answer - expected).max())
    if not worst <= _TOLERANCE * max(1.0, float(np.abs(expected).max())):
        raise ExportError(f"model.xml: OpenVINO's logits differ from torch's by {worst:g}; the model was not exported")
