"""Scripts as people wrote them (tests/projects), trained through plain boto3 under AWS's image names; rules look into each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.project_jobs import Machine, train_and_check
from tests.support.projects import PROJECTS, Project

QUICK = ("unhooked_phases", "literal_paths", "served_from_one_file")
"""Those of `make test`; the others are `make test-projects`."""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    started = Machine(tmp_path_factory.mktemp("machine"))
    yield started
    started.kennel.run("stop")


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    "project",
    [pytest.param(one, id=one.name, marks=() if one.name in QUICK else pytest.mark.slow) for one in PROJECTS],
)
def test_a_persons_project_trains_as_it_is(machine: Machine, project: Project, tmp_path: Path) -> None:
    train_and_check(machine, project, tmp_path)
