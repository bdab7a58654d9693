"""Version 2 of the SageMaker Python SDK, as its makers publish it, against the local SageMaker and our own images."""

import json
import re
from pathlib import Path

import pytest
from PIL import Image

from contract import metrics
from tests.support.compat_client import HERE, Client
from tests.support.local_server import MULTI_MODEL_IMAGE, TRAIN_IMAGE, LocalServer, model_archive

pytestmark = pytest.mark.slow
QUIET = "SchemaVersion: '1.0'\nSageMaker:\n  PythonSDK:\n    Modules:\n      TelemetryOptOut: true\n"
"""The SDK's own switch against telemetry, in its own configuration file; `kennel env` sets it too."""
IDENTITY = """
import sagemaker
print("ROLE", sagemaker.get_execution_role())
session = sagemaker.Session()
print("SESSION", session.default_bucket(), session.account_id())
open("a.txt", "w").write("x")
print("SENT", session.upload_data("a.txt", key_prefix="data"))
"""
"""How people's notebooks begin. Each of these asks AWS's own STS, whatever AWS_ENDPOINT_URL says."""


def client_of(server: LocalServer, folder: Path) -> Client:
    """A client of a server that has the tests' own images."""
    settings = folder / "sagemaker.yaml"
    settings.write_text(QUIET)
    about = json.loads((server.root / "server.json").read_text())
    keys = {"AWS_ACCESS_KEY_ID": about["access_key"], "AWS_SECRET_ACCESS_KEY": about["secret_key"]}
    place = {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "SAGEMAKER_USER_CONFIG_OVERRIDE": str(settings),
    }
    return Client(folder, {"PATH": "/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8", **keys, **place})


def test_a_notebook_fits_tunes_deploys_asks_and_removes(client: Client, pictures: Path) -> None:
    said = client.run("sdk-v2", HERE / "sdk_v2.py", pictures, metrics.OBJECTIVE, metrics.metric(metrics.OBJECTIVE).regex)
    assert re.search(r"Training job completed", said) and "metric validation:loss=" in said, "fit shows status and log"
    assert re.search(r"^TRAINED Completed s3://kennel-local/jobs/\S+/output/model.tar.gz$", said, re.MULTILINE)
    assert re.search(r"^TUNED Completed 2 s3://kennel-local/jobs/\S+/output/model.tar.gz$", said, re.MULTILINE)
    assert re.search(r"^ANSWERED 00[123]\.Breed_[123]$", said, re.MULTILINE)
    assert "LEFT set() []" in said


def test_a_script_is_fitted_tuned_and_attached_to_under_awss_own_image_name(tmp_path: Path) -> None:
    """The image is the tests' own: what the SDK sends and reads is looked at here, and what a script does elsewhere."""
    alias = f"--image-alias=*/pytorch-training:*={TRAIN_IMAGE}"
    server = LocalServer(tmp_path / "root", alias, f"--image-remark={TRAIN_IMAGE}=the tests' own")
    try:
        server.s3.create_bucket(Bucket="bucket")
        said = client_of(server, tmp_path).run("sdk-v2", HERE / "sdk_v2_script.py")
    finally:
        server.stop()
    image = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:1.8-gpu-py36"
    assert f"IMAGE {image}\n" in said
    assert "Training in progress. pytorch-training:1.8-gpu-py36 runs as test-train:1: the tests' own." in said
    assert re.search(r"read [1-9][0-9]+ bytes", said), "the container fetched sourcedir.tar.gz with its own key"
    assert "ATTACHED 2 ml.g4dn.xlarge script.py alias/mine" in said
    assert "TUNER PyTorch average test loss ['lr', 'size'] Off" in said
    assert re.search(r'^BEST "average test loss" "(16|32)" s3://bucket/\S+/output/model.tar.gz$', said, re.MULTILINE)


def test_models_are_added_to_a_multi_data_model_and_asked_for_by_name(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.tar.gz").write_bytes(model_archive(f"weights of {name}"))
    server = LocalServer(tmp_path / "root")
    try:
        server.s3.create_bucket(Bucket="bucket")
        archives = (tmp_path / "one.tar.gz", tmp_path / "two.tar.gz")
        said = client_of(server, tmp_path).run("sdk-v2", HERE / "sdk_v2_multi_model.py", MULTI_MODEL_IMAGE, *archives)
    finally:
        server.stop()
    lines = [line for line in said.splitlines() if line.split(" ")[0].isupper()]
    assert lines == [
        "ADDED s3://bucket/multi/first.tar.gz",
        "LISTED ['first.tar.gz']",
        "FIRST weights of one",
        "ADDED s3://bucket/multi/later/second.tar.gz",
        "LISTED ['first.tar.gz', 'later/second.tar.gz']",
        "SECOND weights of two",
        "NOBODY ValidationError",
        "MODE MultiModel",
    ], said


def test_a_notebook_knows_its_role_its_bucket_and_its_account(client: Client) -> None:
    program = client.folder / "identity.py"
    program.write_text(IDENTITY)
    said = client.run("sdk-v2", program)
    assert "ROLE arn:aws:iam::000000000000:role/kennel-execution\n" in said
    assert "SESSION sagemaker-us-east-1-000000000000 000000000000\n" in said
    assert "SENT s3://sagemaker-us-east-1-000000000000/data/a.txt\n" in said


def test_own_inference_code_is_deployed_by_an_estimator_and_by_a_model(client: Client) -> None:
    Image.new("RGB", (5, 7)).save(client.folder / "picture.jpg")
    said = client.run("sdk-v2", HERE / "sdk_v2_serving.py")
    assert "ARRAY PyTorchPredictor [[6.0], [21.0]]" in said
    assert "PICTURE [[32.0]]" in said


def test_what_would_leave_this_machine_is_refused_and_seen(client: Client) -> None:
    """Without the proxy `account_id` asks AWS's own STS. The guard that the other tests rely on has to see that."""
    program = client.folder / "outside.py"
    program.write_text(
        "import os, sagemaker\ndel os.environ['HTTPS_PROXY'], os.environ['https_proxy']\n"
        "sagemaker.Session(default_bucket='kennel-local').account_id()\n"
    )
    said = client.run("sdk-v2", program, status=1, reaches={"sts.us-east-1.amazonaws.com"})
    assert "this program may talk to this machine only" in said
