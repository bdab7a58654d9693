"""A person's folder, for commands about images. The engine and the built images are tests/conftest.py's."""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.person import Kennel
from tests.support.project_jobs import Machine

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture()
def kennel(tmp_path: Path) -> Kennel:
    """A person's folder."""
    return Kennel(tmp_path / "work")


@pytest.fixture(scope="module")
def machine(built_images: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A person's folder in which `kennel build` has been run."""
    folder = tmp_path_factory.mktemp("machine")
    (folder / ".kennel").mkdir()
    shutil.copy(ROOT / ".kennel" / "images.json", folder / ".kennel")
    started = Machine(folder, backend="docker")
    yield started
    started.kennel.run("stop")
