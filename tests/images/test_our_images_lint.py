"""`kennel lint-image` finds nothing to mend in our four images, with a model in those that serve."""

import subprocess
import sys
from pathlib import Path

import pytest

from contract.archive import pack
from tests.support import artefact

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    archive = tmp_path_factory.mktemp("model") / "model.tar.gz"
    pack(artefact.small() / "model", archive)
    return archive


@pytest.mark.parametrize("image", ["train", "serve-cpu", "serve-torch", "rules"])
def test_our_image_is_fit_for_sagemaker(image: str, built_images: dict[str, str], model: Path) -> None:
    more = {"train": (), "rules": ("--processing",)}.get(image, ("--model", str(model)))
    words = [sys.executable, "-m", "scripts", "lint-image", built_images[image], *more]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "fit for SageMaker" in done.stdout
    assert not [line for line in done.stdout.splitlines() if line.startswith(("warn", "fail"))], done.stdout
