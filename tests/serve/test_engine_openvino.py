"""What the OpenVINO engine refuses, and that importing it calls nobody. Its answers are in test_engine."""

import subprocess
import sys
from pathlib import Path

import pytest

from contract import manifest
from contract.preprocess import Preprocessing
from serve import engine_openvino
from serve.errors import EngineError
from tests import artefact


def _load(base: Path) -> engine_openvino.OpenVinoEngine:
    return engine_openvino.load(base / "model", manifest.read(base / "model"), threads=1, gpu=None, precision="auto")


def test_openvino_refuses_a_graph_for_another_picture_size(tmp_path: Path) -> None:
    base = artefact.copy(artefact.small(), tmp_path / "ml")
    artefact.rewrite(base, preprocessing=Preprocessing(resize=128, crop=96))
    with pytest.raises(EngineError, match=r"^model\.xml: input is .*96"):
        _load(base)


def test_importing_the_engine_does_not_report_home(tmp_path: Path) -> None:
    """OpenVINO's import leaves a folder in the home folder when its telemetry runs."""
    command = [sys.executable, "-c", "import serve.engine_openvino as e; e.ov.Core()"]
    subprocess.run(command, check=True, env={"HOME": str(tmp_path)}, cwd=Path(__file__).resolve().parents[2])
    assert not list(tmp_path.iterdir())
