"""Scripts as people wrote them (tests/projects) in the train image, under AWS's image names; rules in the rules image."""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.project_jobs import Machine, train_and_check
from tests.support.projects import NAMED

ROOT = Path(__file__).resolve().parents[2]
CHOSEN = ("hooked_whole_model", "unhooked_phases", "launched_ddp", "hosts_gloo", "literal_paths")
"""Those that download nothing: with a hook and without, one process and several, on one host and on two, /opt/ml by heart."""


@pytest.fixture(scope="module")
def machine(built_images: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A person's folder in which `kennel build` has been run."""
    folder = tmp_path_factory.mktemp("machine")
    (folder / ".kennel").mkdir()
    shutil.copy(ROOT / ".kennel" / "images.json", folder / ".kennel")
    started = Machine(folder, backend="docker")
    yield started
    started.kennel.run("stop")


@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", CHOSEN)
def test_a_persons_project_trains_in_our_image(machine: Machine, name: str, tmp_path: Path) -> None:
    train_and_check(machine, NAMED[name], tmp_path)
