"""Artefacts for tests of the serving program, built as the training program builds them but without any training."""

import atexit
import contextlib
import io
import logging
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

from contract import manifest
from contract.manifest import Manifest
from contract.pictures.preprocess import Preprocessing, normalise
from contract.precision import GRAPHS, PRECISIONS, Precision

SMALL_CLASSES = ("001.Affenpinscher", "016.Beagle", "076.Golden_retriever", "115.Papillon", "133.Yorkshire_terrier")


@cache
def small() -> Path:
    """/opt/ml with a squeezenet of seeded random weights: 5 classes, 64 pixels. Built once a test run; do not change it."""
    return _base("squeezenet1_1", SMALL_CLASSES, Preprocessing(resize=72, crop=64), weights=None)


@cache
def quantised() -> Path:
    """`small` with its int8 network beside the float32 one, every precision accepted."""
    base = Path(tempfile.mkdtemp(prefix="artefact-")) / "ml"
    atexit.register(shutil.rmtree, base.parent, ignore_errors=True)
    copy(small(), base)
    pixels = np.random.default_rng(5).integers(0, 256, (32, 64, 64, 3), np.uint8)
    pictures = [normalise(picture, Preprocessing())[None] for picture in pixels]
    rewrite(base, lambda folder: quantise(folder, pictures), precision=Precision(accepted=PRECISIONS))
    return base


def quantise(folder: Path, pictures: list[np.ndarray]) -> None:
    """Write the int8 form of the network in `folder`, its ranges from `pictures`, float32 [1, 3, crop, crop] each."""
    import nncf
    import openvino as ov

    import train.export.quantize  # noqa: F401  without which NNCF would report its use

    nncf.set_log_level(logging.ERROR)
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
    graph = ov.Core().read_model(folder / GRAPHS["float32"])
    with contextlib.redirect_stdout(io.StringIO()):
        made = nncf.quantize(graph, nncf.Dataset(pictures), subset_size=len(pictures))
    ov.save_model(made, folder / GRAPHS["int8"], compress_to_fp16=False)


@cache
def imagenet(weights: Path) -> Path:
    """/opt/ml with ResNet18 and its real ImageNet weights: 1,000 classes, 224 pixels."""
    return _base("resnet18", tuple(f"class{place:04}" for place in range(1000)), Preprocessing(), weights=weights)


def copy(base: Path, target: Path) -> Path:
    """A private copy of /opt/ml, to be damaged."""
    shutil.copytree(base, target)
    return target


def rewrite(base: Path, change: Callable[[Path], None] | None = None, **fields: object) -> None:
    """Change files of the model by `change(folder)` and fields of its manifest, then record all hashes anew."""
    folder = base / "model"
    before = manifest.read(folder)
    if change is not None:
        change(folder)
    kept = {name: getattr(before, name) for name in ("architecture", "classes", "preprocessing", "precision")}
    manifest.write(folder, Manifest(**(kept | fields)))


def _base(architecture: str, classes: tuple[str, ...], spec: Preprocessing, weights: Path | None) -> Path:
    import torch
    import torchvision
    from safetensors.torch import save_file

    base = Path(tempfile.mkdtemp(prefix="artefact-"))
    atexit.register(shutil.rmtree, base, ignore_errors=True)
    folder = base / "model"
    folder.mkdir()
    torch.manual_seed(7)
    network = torchvision.models.get_model(architecture, weights=None, num_classes=len(classes))
    if weights is not None:
        network.load_state_dict(torch.load(weights, weights_only=True))
    network.eval()
    save_file(network.state_dict(), folder / manifest.WEIGHTS)
    (folder / manifest.WEIGHTS).chmod(0o644)  # safetensors makes it readable to its owner only
    export(network, spec.crop, folder)
    manifest.write(folder, Manifest(architecture=architecture, classes=classes, preprocessing=spec))
    return base


def export(network: object, crop: int, folder: Path) -> None:
    """Write model.xml and model.bin: one input "pictures" [?,3,crop,crop], one output "logits"."""
    import sys

    sys.modules["openvino_telemetry"] = None  # importing openvino would report the import
    import openvino as ov
    import torch
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    example = torch.zeros(1, 3, crop, crop)
    frontend = FrontEndManager().load_by_framework("pytorch")
    with torch.no_grad():
        decoder = TorchScriptPythonDecoder(network, example_input=(example,))
        graph = frontend.convert(frontend.load(decoder))
    graph.inputs[0].get_tensor().set_names({"pictures"})
    graph.outputs[0].get_tensor().set_names({"logits"})
    graph.reshape(ov.PartialShape([-1, 3, crop, crop]))
    ov.save_model(graph, folder / "model.xml", compress_to_fp16=False)
