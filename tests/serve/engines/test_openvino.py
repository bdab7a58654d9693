"""What the OpenVINO engine refuses, and that importing it calls nobody. Its answers are in test_engine."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from contract import manifest
from contract.pictures.preprocess import Preprocessing
from contract.precision import PRECISIONS
from serve.engines import openvino as engine_openvino
from serve.errors import EngineError
from tests.support import artefact


def _load(base: Path, precision: str = "auto") -> engine_openvino.OpenVinoEngine:
    return engine_openvino.load(base / "model", manifest.read(base / "model"), threads=1, gpu=None, precision=precision)


def test_openvino_refuses_a_graph_for_another_picture_size(tmp_path: Path) -> None:
    base = artefact.copy(artefact.small(), tmp_path / "ml")
    artefact.rewrite(base, preprocessing=Preprocessing(resize=128, crop=96))
    with pytest.raises(EngineError, match=r"^model\.xml: input is .*96"):
        _load(base)


def test_int8_is_taken_where_it_is_held_and_fast_and_answers_like_float32() -> None:
    base = artefact.quantised()
    fast = engine_openvino.fast_precisions(engine_openvino.ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
    assert _load(base).precision == next(name for name in PRECISIONS if name in fast)
    pixels = np.random.default_rng(6).integers(0, 256, (8, 64, 64, 3), np.uint8)
    exact, rounded = (_load(base, precision).predict(pixels) for precision in ("float32", "int8"))
    assert np.array_equal(exact, _load(artefact.small(), "float32").predict(pixels)), "the same network as without int8"
    assert 0 < np.abs(exact - rounded).max() < 0.1 * np.abs(exact).max()


def test_int8_that_is_not_held_is_refused_by_name() -> None:
    assert _load(artefact.small()).precision == "float32", "nothing else was accepted"
    with pytest.raises(EngineError, match=r"KENNEL_PRECISION is int8; this model on this machine has .*float32"):
        _load(artefact.small(), "int8")


def test_a_model_of_weights_alone_says_how_it_was_exported(tmp_path: Path) -> None:
    base = artefact.copy(artefact.small(), tmp_path / "ml")
    artefact.rewrite(base, lambda folder: [file.unlink() for file in folder.glob("model.[xb]*")])
    with pytest.raises(EngineError, match=r"^model\.xml: the model has only its weights .*train it with export full"):
        _load(base)


def test_a_damaged_int8_network_is_named(tmp_path: Path) -> None:
    base = artefact.copy(artefact.quantised(), tmp_path / "ml")
    artefact.rewrite(base, lambda folder: (folder / "model-int8.xml").write_text("<net/>"))
    with pytest.raises(EngineError, match=r"^model-int8\.xml: OpenVINO cannot load it"):
        _load(base, "int8")


@pytest.mark.parametrize(
    ("flags", "capabilities", "fast"),
    [
        ("fpu avx2 avx512f avx512_bf16 avx512_vnni", ["BF16", "FP32", "INT8"], {"int8", "bfloat16", "float32"}),
        ("fpu avx2 avx512f avx512_vnni", ["FP32", "INT8"], {"int8", "float32"}),
        ("fpu avx2 avx_vnni", ["FP32", "INT8"], {"int8", "float32"}),
        ("fpu avx512f amx_bf16 amx_int8", ["BF16", "FP32", "INT8"], {"int8", "bfloat16", "float32"}),
        ("fpu avx2", ["FP32", "INT8"], {"float32"}),
    ],
)
def test_what_a_processor_does_fast(tmp_path: Path, flags: str, capabilities: list[str], fast: set[str]) -> None:
    told = tmp_path / "cpuinfo"
    told.write_text(f"processor\t: 0\nflags\t\t: {flags}\nbugs\t\t: none\n\nprocessor\t: 1\nflags\t\t: {flags}\n")
    assert engine_openvino.fast_precisions(capabilities, told) == fast


def test_importing_the_engine_does_not_report_home(tmp_path: Path) -> None:
    """OpenVINO's import leaves a folder in the home folder when its telemetry runs."""
    command = [sys.executable, "-c", "import serve.engines.openvino as e; e.ov.Core()"]
    subprocess.run(command, check=True, env={"HOME": str(tmp_path)}, cwd=Path(__file__).resolve().parents[3])
    assert not list(tmp_path.iterdir())
