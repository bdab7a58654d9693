"""A person's folder, and one local server with the tests' tiny images for all tests of a module."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import notebooks
from tests.support.local_server import LocalServer
from tests.support.person import LOCAL, Kennel, KennelHere, dog_server, write_pictures
from tests.support.toy_person import ToyDocker


@pytest.fixture()
def kennel(tmp_path: Path) -> Kennel:
    return KennelHere(tmp_path / "work")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    started = dog_server(tmp_path_factory.mktemp("root"))
    yield started
    started.stop()


@pytest.fixture()
def local(kennel: Kennel, server: LocalServer) -> Kennel:
    """A folder whose local server is up."""
    kennel.settings(LOCAL)
    kennel.use(server.url, server)
    return kennel


@pytest.fixture()
def notebook_person(tmp_path: Path) -> Iterator[Kennel]:
    """A person's folder, where notebooks run; the test skips without their environment."""
    notebooks.python()
    person = Kennel(tmp_path)
    yield person
    person.run("stop", status=None)


@pytest.fixture()
def toy(kennel: Kennel) -> ToyDocker:
    """A folder whose docker is the tests' own, without an engine."""
    return ToyDocker(kennel)


@pytest.fixture()
def pictures(kennel: Kennel) -> Path:
    """Twelve pictures of two breeds."""
    return write_pictures(kennel.folder / "pictures")
