"""One real server for the tests of a module."""

from collections.abc import Iterator

import pytest

from tests.support.local_server import LocalServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A server on a fresh root, with a bucket named `bucket`."""
    started = LocalServer(tmp_path_factory.mktemp("root"))
    started.s3.create_bucket(Bucket="bucket")
    yield started
    started.stop()
