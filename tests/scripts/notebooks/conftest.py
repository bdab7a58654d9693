"""A person's folder, and the environment of notebooks, without which these tests skip."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import notebooks
from tests.support.person import Kennel


@pytest.fixture(autouse=True)
def environment() -> Path:
    return notebooks.python()


@pytest.fixture()
def person(tmp_path: Path) -> Iterator[Kennel]:
    kennel = Kennel(tmp_path)
    yield kennel
    kennel.run("stop", status=None)
