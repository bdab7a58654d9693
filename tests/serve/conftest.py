"""One serve program for all tests of this room that do not hurt it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import artefact
from tests.support.server import Server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Two workers, a small model with 5 classes, every limit at its default."""
    with Server(artefact.small(), SAGEMAKER_MODEL_SERVER_WORKERS=2) as running:
        yield running


@pytest.fixture(scope="session")
def photographs(shared_data: Path) -> list[bytes]:
    """Real dogs, for what only a network that knows dogs can tell."""
    return [path.read_bytes() for path in sorted((shared_data / "dogs" / "test").rglob("*.jpg"))[:6]]
