"""Ten people's inference code (tests/projects/handlers) under version 2 of the SageMaker Python SDK."""

import json
from pathlib import Path

import pytest

from tests.support.compat_client import HERE, Client
from tests.support.handlers import FOLDER, HANDLERS, Handler

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.mark.parametrize("handler", HANDLERS, ids=lambda handler: handler.name)
def test_a_notebook_deploys_it_and_asks(client: Client, handler: Handler, tmp_path: Path) -> None:
    archive, body, answer = tmp_path / "model.tar.gz", tmp_path / "body", tmp_path / "answer"
    archive.write_bytes(handler.archive(code=False))
    body.write_bytes(handler.body)
    about = {
        "name": handler.name,
        "entry": handler.entry,
        "source": str(FOLDER / handler.name),
        "content_type": handler.content_type,
        "accept": handler.accept,
        "environment": dict(handler.environment),
    }
    client.run("sdk-v2", HERE / "sdk_v2_handler.py", json.dumps(about), archive, body, answer)
    assert handler.right(answer.read_bytes()), answer.read_bytes()[:500]
