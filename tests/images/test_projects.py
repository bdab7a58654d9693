"""Scripts as people wrote them (tests/projects) in the train image, under AWS's image names; rules in the rules image."""

from pathlib import Path

import pytest

from tests.support.project_jobs import Machine, train_and_check
from tests.support.projects import NAMED

CHOSEN = ("hooked_whole_model", "unhooked_phases", "launched_ddp", "hosts_gloo", "literal_paths")
"""Those that download nothing: with a hook and without, one process and several, on one host and on two, /opt/ml by heart."""


@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", CHOSEN)
def test_a_persons_project_trains_in_our_image(machine: Machine, name: str, tmp_path: Path) -> None:
    train_and_check(machine, NAMED[name], tmp_path)
