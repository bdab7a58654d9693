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
