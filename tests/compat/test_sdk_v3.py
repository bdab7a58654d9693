"""Version 3 of the SageMaker Python SDK, as its makers publish it, against the local SageMaker and our own images."""

import re
from pathlib import Path

import pytest

from contract import metrics
from tests.support.compat_client import HERE, Client

pytestmark = pytest.mark.slow


def test_a_notebook_trains_creates_invokes_and_removes(client: Client, pictures: Path) -> None:
    said = client.run("sdk-v3", HERE / "sdk_v3.py", pictures, metrics.OBJECTIVE, metrics.metric(metrics.OBJECTIVE).regex)
    assert "metric validation:loss=" in said, "train shows the log"
    assert re.search(r"^TRAINED Completed s3://kennel-local/kennel-train-job/\S+/output/model.tar.gz$", said, re.MULTILINE)
    assert re.search(r"^TRAINED Completed s3://kennel-local/core/core/output/model.tar.gz$", said, re.MULTILINE)
    assert re.search(r'^ANSWERED {"predictions": \[{"class": "00[123]\.Breed_[123]"', said, re.MULTILINE)
    assert "LEFT [] []" in said
