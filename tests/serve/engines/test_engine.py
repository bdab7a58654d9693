"""Both engines behind the one interface: equal answers from equal weights, and one line for a model that does not fit."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from contract import manifest
from contract.manifest import Manifest
from contract.precision import Precision
from serve.engines import engine
from serve.engines.engine import Engine
from serve.errors import EngineError
from tests.support import artefact

ENGINES = ("openvino", "torch")


def _load(name: str, base: Path, precision: str = engine.AUTO, batch: int = 1) -> Engine:
    return engine.load(name, base / "model", manifest.read(base / "model"), threads=1, batch=batch, precision=precision)


def test_the_engines_agree() -> None:
    pictures = np.random.default_rng(1).integers(0, 256, (3, 64, 64, 3), np.uint8)
    first, second = (_load(name, artefact.small()).predict(pictures) for name in ENGINES)
    assert first.shape == second.shape == (3, 5) and first.dtype == second.dtype == np.float32
    assert np.abs(first - second).max() < 1e-4


def test_bfloat16_on_the_torch_engine_is_float32_within_its_rounding() -> None:
    pictures = np.random.default_rng(3).integers(0, 256, (3, 64, 64, 3), np.uint8)
    exact, rounded = (_load("torch", artefact.small(), precision) for precision in ("float32", "bfloat16"))
    assert (exact.precision, rounded.precision) == ("float32", "bfloat16")
    expected, found = exact.predict(pictures), rounded.predict(pictures)
    assert found.dtype == np.float32 and 0 < np.abs(expected - found).max() < 0.02 * np.abs(expected).max()


def _manifest(*accepted: str) -> Manifest:
    made = manifest.read(artefact.small() / "model")
    return replace(made, precision=Precision(accepted=accepted))


@pytest.mark.parametrize(
    ("accepted", "fast", "chosen"),
    [
        (("int8", "bfloat16", "float32"), {"int8", "bfloat16", "float32"}, "int8"),
        (("int8", "bfloat16", "float32"), {"bfloat16", "float32"}, "bfloat16"),
        (("int8", "float32"), {"bfloat16", "float32"}, "float32"),
        (("float32",), {"int8", "bfloat16", "float32"}, "float32"),
    ],
)
def test_the_fastest_that_training_accepted_and_the_processor_does_fast(
    accepted: tuple[str, ...], fast: set[str], chosen: str
) -> None:
    assert engine.choose(engine.AUTO, _manifest(*accepted), able=fast, fast=fast) == chosen


def test_a_precision_that_was_asked_for_is_taken_or_refused_by_name() -> None:
    able = {"int8", "float32"}
    assert engine.choose("int8", _manifest("float32"), able=able, fast={"float32"}) == "int8"
    with pytest.raises(EngineError, match=r"KENNEL_PRECISION is bfloat16; .* has float32, int8, or auto"):
        engine.choose("bfloat16", _manifest("float32"), able=able, fast={"float32"})


@pytest.mark.parametrize(("name", "precision"), [("openvino", "float32"), ("openvino", "int8"), ("torch", "float32")])
def test_a_batch_is_its_pictures_one_by_one(name: str, precision: str) -> None:
    pictures = np.random.default_rng(2).integers(0, 256, (5, 64, 64, 3), np.uint8)
    loaded = _load(name, artefact.quantised(), precision, batch=5)
    alone = np.concatenate([loaded.predict(picture[np.newaxis]) for picture in pictures])
    for count in (2, 3, 5):
        assert np.abs(loaded.predict(pictures[:count]) - alone[:count]).max() < 1e-5


@pytest.mark.parametrize(("name", "file"), [("openvino", "model.xml"), ("torch", "model.safetensors")])
def test_another_number_of_classes_is_named(name: str, file: str, tmp_path: Path) -> None:
    base = artefact.copy(artefact.small(), tmp_path / "ml")
    artefact.rewrite(base, classes=("a", "b", "c"))
    with pytest.raises(EngineError, match=rf"^{file}: .*3 classes"):
        _load(name, base)


@pytest.mark.parametrize(
    ("error", "out"),
    [
        (MemoryError(), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 5 bytes"), True),
        (RuntimeError("Exception from src/core.cpp: std::bad_alloc"), True),
        (type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory"), True),  # torch's, which takes seconds to import
        (RuntimeError("shape mismatch"), False),
        (ValueError("memory"), False),
    ],
)
def test_engines_run_out_of_memory_in_different_words(error: Exception, out: bool) -> None:
    assert engine.out_of_memory(error) is out
