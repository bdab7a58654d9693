"""For the rows of the launchers: a module has one local server with tiny images, to which a person has uploaded pictures once."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.local_server import LocalServer
from tests.support.person import LOCAL, Kennel, KennelHere, dog_server, write_pictures


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    started = dog_server(tmp_path_factory.mktemp("root"))
    yield started
    started.stop()


@pytest.fixture(scope="module")
def uploaded(tmp_path_factory: pytest.TempPathFactory, server: LocalServer) -> Path:
    """A person's folder after `kennel data`."""
    kennel = KennelHere(tmp_path_factory.mktemp("person"))
    kennel.settings(LOCAL)
    kennel.use(server.url, server)
    kennel.run("data", "--folder", str(write_pictures(kennel.folder / "pictures")))
    return kennel.folder


@pytest.fixture()
def kennel(tmp_path: Path, uploaded: Path, server: LocalServer) -> Kennel:
    """A copy of that folder. Its commands are processes, as a person's are."""
    kennel = Kennel(shutil.copytree(uploaded, tmp_path, symlinks=True, dirs_exist_ok=True))
    kennel.use(server.url, server)
    return kennel


@pytest.fixture()
def kennel_here(kennel: Kennel, server: LocalServer) -> KennelHere:
    """The same folder for commands of which only the words and what is done for them matter."""
    here = KennelHere(kennel.folder)
    here.use(server.url, server)
    return here
