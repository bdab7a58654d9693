"""Both engines behind the one interface: equal answers from equal weights, and one line for a model that does not fit."""

from pathlib import Path

import numpy as np
import pytest

from contract import manifest
from serve import engine
from serve.engine import Engine
from serve.errors import EngineError
from tests import artefact

ENGINES = ("openvino", "torch")


def _load(name: str, base: Path) -> Engine:
    return engine.load(name, base / "model", manifest.read(base / "model"), threads=1, gpu=None)


def test_the_engines_agree() -> None:
    pictures = np.random.default_rng(1).normal(size=(3, 3, 64, 64)).astype(np.float32)
    first, second = (_load(name, artefact.small()).predict(pictures) for name in ENGINES)
    assert first.shape == second.shape == (3, 5) and first.dtype == second.dtype == np.float32
    assert np.abs(first - second).max() < 1e-4


@pytest.mark.parametrize("name", ENGINES)
def test_a_batch_is_its_pictures_one_by_one(name: str) -> None:
    pictures = np.random.default_rng(2).normal(size=(4, 3, 64, 64)).astype(np.float32)
    loaded = _load(name, artefact.small())
    alone = np.concatenate([loaded.predict(picture[np.newaxis]) for picture in pictures])
    assert np.abs(loaded.predict(pictures) - alone).max() < 1e-5


@pytest.mark.parametrize(("name", "file"), [("openvino", "model.xml"), ("torch", "model.safetensors")])
def test_another_number_of_classes_is_named(name: str, file: str, tmp_path: Path) -> None:
    base = artefact.copy(artefact.small(), tmp_path / "ml")
    artefact.rewrite(base, classes=("a", "b", "c"))
    with pytest.raises(EngineError, match=rf"^{file}: .*3 classes"):
        _load(name, base)


def test_torch_names_an_unknown_architecture(tmp_path: Path) -> None:
    base = artefact.copy(artefact.small(), tmp_path / "ml")
    artefact.rewrite(base, architecture="resnet19")
    with pytest.raises(EngineError, match=r"architecture is 'resnet19'"):
        _load("torch", base)


def test_torch_refuses_the_weights_of_another_architecture(tmp_path: Path) -> None:
    base = artefact.copy(artefact.small(), tmp_path / "ml")
    artefact.rewrite(base, architecture="resnet18")
    with pytest.raises(EngineError, match=r"^model\.safetensors: not the weights of resnet18"):
        _load("torch", base)


def test_openvino_refuses_a_graph_for_another_picture_size(tmp_path: Path) -> None:
    from contract.preprocess import Preprocessing

    base = artefact.copy(artefact.small(), tmp_path / "ml")
    artefact.rewrite(base, preprocessing=Preprocessing(resize=128, crop=96))
    with pytest.raises(EngineError, match=r"^model\.xml: input is .*96"):
        _load("openvino", base)


def test_importing_the_engine_does_not_report_home(tmp_path: Path) -> None:
    """OpenVINO's import leaves a folder in the home folder when its telemetry runs."""
    import subprocess
    import sys

    command = [sys.executable, "-c", "import serve.engine_openvino as e; e.ov.Core()"]
    subprocess.run(command, check=True, env={"HOME": str(tmp_path)}, cwd=Path(__file__).resolve().parents[2])
    assert not list(tmp_path.iterdir())
