"""A person's folder, for commands about images. The engine and the built images are tests/conftest.py's."""

from pathlib import Path

import pytest

from tests.support.person import Kennel


@pytest.fixture()
def kennel(tmp_path: Path) -> Kennel:
    """A person's folder."""
    return Kennel(tmp_path / "work")
