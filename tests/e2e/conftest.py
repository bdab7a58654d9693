"""A person's folder with a local SageMaker, for the tests of one file."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.person import Kennel


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Plain boto3 clients of that SageMaker, by the names of their services."""
    person = Kennel(tmp_path_factory.mktemp("work"))
    person.run("up")
    yield person.clients()
    person.run("stop")
