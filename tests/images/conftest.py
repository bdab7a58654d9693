"""The Docker engine for the tests of images. Without one they skip, and say so; with KENNEL_NEED_ENGINE=1 they fail instead."""

import os
from collections.abc import Iterator

import pytest
from docker.errors import DockerException

import docker


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
