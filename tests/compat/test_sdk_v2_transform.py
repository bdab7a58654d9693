"""`Transformer` of version 2 of the SageMaker Python SDK, as notebooks use it, on a person's inference code."""

import json
from pathlib import Path

import pytest

from tests.support.compat_client import HERE, Client
from tests.support.handlers import FOLDER, HANDLERS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_a_notebook_transforms_rows_and_sees_the_log(client: Client, tmp_path: Path) -> None:
    handler = next(one for one in HANDLERS if one.name == "rows_of_csv")
    archive, rows = tmp_path / "model.tar.gz", tmp_path / "rows.csv"
    archive.write_bytes(handler.archive(code=False))
    rows.write_bytes(b"rex,1,2\nbella,3,4\n")
    about = {"entry": handler.entry, "source": str(FOLDER / handler.name)}
    printed = client.run("sdk-v2", HERE / "sdk_v2_transform.py", json.dumps(about), archive, rows)
    (stored,) = [line.partition(": ")[2] for line in printed.splitlines() if line.startswith("stored: ")]
    assert json.loads(stored).splitlines() == ["rex,5.500", "bella,11.500"]
    assert "MaxConcurrentTransforms=2, MaxPayloadInMB=1, BatchStrategy=MULTI_RECORD" in printed
    (refused,) = [line for line in printed.splitlines() if line.startswith("refused: ")]
    assert "Failed. Reason: " in refused and "See job logs for more information" in refused
