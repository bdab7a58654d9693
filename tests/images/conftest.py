"""The Docker engine for the tests of images. Without one they skip, and say so; with KENNEL_NEED_ENGINE=1 they fail instead."""

import os
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from docker.errors import DockerException
from person import Kennel


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    """A client of the engine that answers here."""
    try:
        client = docker.from_env()
        client.ping()
    except DockerException as error:
        missing = pytest.fail if os.environ.get("KENNEL_NEED_ENGINE") == "1" else pytest.skip
        missing(f"no Docker engine answers: {error}")
    yield client
    client.close()


@pytest.fixture(scope="session")
def base_image(engine: docker.DockerClient) -> str:
    """An image with Python 3.11: what `make base` makes, or any that is there under Debian's or Python's name."""
    wanted = ("kennel-base:bookworm", "python:3.11-slim-bookworm")
    found = next((name for name in wanted if engine.images.list(name)), None)
    if found is None:
        missing = pytest.fail if os.environ.get("KENNEL_NEED_ENGINE") == "1" else pytest.skip
        missing(f"the engine has neither {' nor '.join(wanted)}")
    return found


@pytest.fixture()
def kennel(tmp_path: Path) -> Kennel:
    """A person's folder."""
    return Kennel(tmp_path / "work")
