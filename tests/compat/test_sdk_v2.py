"""Version 2 of the SageMaker Python SDK, as its makers publish it, against the local SageMaker and our own images."""

import re
from pathlib import Path

import pytest

from contract import metrics
from tests.support.compat_client import HERE, Client

pytestmark = pytest.mark.slow


def test_a_notebook_fits_tunes_deploys_asks_and_removes(client: Client, pictures: Path) -> None:
    said = client.run("sdk-v2", HERE / "sdk_v2.py", pictures, metrics.OBJECTIVE, metrics.metric(metrics.OBJECTIVE).regex)
    assert re.search(r"Training job completed", said) and "metric validation:loss=" in said, "fit shows status and log"
    assert re.search(r"^TRAINED Completed s3://kennel-local/jobs/\S+/output/model.tar.gz$", said, re.MULTILINE)
    assert re.search(r"^TUNED Completed 2 s3://kennel-local/jobs/\S+/output/model.tar.gz$", said, re.MULTILINE)
    assert re.search(r"^ANSWERED 00[123]\.Breed_[123]$", said, re.MULTILINE)
    assert "LEFT set() []" in said


def test_what_would_leave_this_machine_is_refused_and_seen(client: Client) -> None:
    """`account_id` asks AWS's own STS, whatever AWS_ENDPOINT_URL says. The guard that the other tests rely on has to see that."""
    program = client.folder / "outside.py"
    program.write_text("import sagemaker\nsagemaker.Session(default_bucket='kennel-local').account_id()\n")
    said = client.run("sdk-v2", program, status=1, reaches={"sts.us-east-1.amazonaws.com"})
    assert "this program may talk to this machine only" in said
