"""A local SageMaker with our own images, a tiny set of pictures, and what a client of it is given."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.compat_client import Client
from tests.support.person import Kennel, exported, write_pictures


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """`kennel up` and `kennel env`, as a person types them, in a folder of its own."""
    kennel = Kennel(tmp_path_factory.mktemp("compat"))
    kennel.run("up", "--port", "0")
    try:
        own = {"PATH": os.environ["PATH"], "HOME": str(kennel.folder), "LANG": "C.UTF-8"}
        yield Client(kennel.folder, own | exported(kennel.run("env").stdout))
    finally:
        kennel.run("stop")


@pytest.fixture(scope="session")
def pictures(client: Client) -> Path:
    """Twelve pictures of three classes in each split."""
    return write_pictures(client.folder / "pictures", classes=3, each=4, size=40)
