"""For the rows of the launchers: one local server with tiny images a module, and a person's folder with pictures uploaded."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.local_server import LocalServer
from tests.support.person import LOCAL, Kennel, dog_server, write_pictures


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    started = dog_server(tmp_path_factory.mktemp("root"))
    yield started
    started.stop()


@pytest.fixture()
def kennel(tmp_path: Path, server: LocalServer) -> Kennel:
    kennel = Kennel(tmp_path)
    kennel.settings(LOCAL)
    kennel.use(server.url, server)
    kennel.run("data", "--folder", str(write_pictures(tmp_path / "pictures")))
    return kennel
