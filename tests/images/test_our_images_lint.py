"""`kennel lint-image` passes our four images."""

from pathlib import Path

import pytest
from person import Kennel

from contract.archive import pack
from tests import artefact

WARNS = {"serve-gpu": ("5.9 GB",)}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    archive = tmp_path_factory.mktemp("model") / "model.tar.gz"
    pack(artefact.small() / "model", archive)
    return archive


@pytest.mark.parametrize("image", ["train", "serve-cpu", "serve-gpu", "rules"])
def test_our_image_is_fit_for_sagemaker(image: str, built_images: dict[str, str], kennel: Kennel, model: Path) -> None:
    more = {"train": (), "rules": ("--processing",)}.get(image, ("--model", str(model)))
    done = kennel.run("lint-image", built_images[image], *more)
    print(done.stdout)
    assert "fit for SageMaker" in done.stdout
    assert not [line for line in done.stdout.splitlines() if line.startswith(("warn", "fail"))], done.stdout
