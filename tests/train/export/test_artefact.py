"""The artefact of trained weights: both engines agree, any number of pictures, nothing valid before it is whole."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import openvino
import pytest
import torch

from contract import manifest
from contract.errors import ArtefactError
from contract.pictures.preprocess import Preprocessing
from train.errors import ExportError
from train.export.artefact import _compare, _converted, export
from train.model import network
from train.report import Report

SPEC = Preprocessing(resize=37, crop=32)


def write(folder: Path, state: dict[str, torch.Tensor], arch: str) -> manifest.Manifest:
    return export(
        folder,
        state,
        arch=arch,
        classes=("a", "b", "c"),
        spec=SPEC,
        metrics={"validation:loss": 1.5},
        provenance={"job": "x"},
        samples=None,
        report=Report(False),
    )


@pytest.mark.parametrize("arch", ["resnet18", "mobilenet_v3_small", "squeezenet1_1"])
def test_openvino_and_torch_agree_on_any_number_of_pictures(tmp_path: Path, arch: str) -> None:
    module = network.build(arch, 3, 32)
    write(tmp_path, module.to(memory_format=torch.channels_last).state_dict(), arch)
    assert manifest.verify(tmp_path).metrics == {"validation:loss": 1.5}
    model = openvino.Core().read_model(tmp_path / "model.xml")
    assert str(model.input("pictures").partial_shape) == "[?,3,32,32]"
    assert str(model.output("logits").partial_shape) == "[?,3]"
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    for count in (1, 5):
        pictures = np.random.default_rng(count).standard_normal((count, 3, 32, 32), dtype=np.float32)
        with torch.no_grad():
            expected = module.eval()(torch.from_numpy(pictures)).numpy()
        assert np.abs(compiled({"pictures": pictures})["logits"] - expected).max() < 1e-4


def test_a_network_that_differs_from_its_export_is_refused(tmp_path: Path) -> None:
    module = network.build("squeezenet1_1", 3, 32)
    openvino.save_model(_converted(module, 32, 3), tmp_path / "model.xml", compress_to_fp16=False)
    with torch.no_grad():
        module.get_submodule("classifier.1").bias += 0.5
    with pytest.raises(ExportError, match="OpenVINO's logits differ from torch's by"):
        _compare(module, tmp_path / "model.xml", 32)


def test_an_export_that_dies_leaves_nothing_that_verifies(tmp_path: Path) -> None:
    module = network.build("squeezenet1_1", 3, 32)
    write(tmp_path, module.state_dict(), "squeezenet1_1")
    broken = {name: tensor for name, tensor in module.state_dict().items() if "classifier" not in name}
    with pytest.raises(RuntimeError):
        write(tmp_path, broken, "squeezenet1_1")
    with pytest.raises(ArtefactError, match=r"model.json: missing"):
        manifest.verify(tmp_path)


def test_importing_the_exporter_does_not_report_home(tmp_path: Path) -> None:
    """OpenVINO's import leaves a folder in the home folder when its telemetry runs."""
    command = [sys.executable, "-c", "import train.export.artefact as e; e.openvino.Core()"]
    subprocess.run(command, check=True, env={"HOME": str(tmp_path)}, cwd=Path(__file__).resolve().parents[3])
    assert not (tmp_path / "intel").exists()
