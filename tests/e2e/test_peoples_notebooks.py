"""Notebooks as people write them (tests/projects/notebooks), executed whole, and what of such notebooks is refused."""

import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.support import notebooks
from tests.support.person import ROOT, Kennel, write_pictures

pytestmark = [pytest.mark.slow, pytest.mark.timeout(700)]  # make test-notebooks runs them
NOTEBOOKS = ROOT / "tests" / "projects" / "notebooks"
ACCOUNT = "123456789012"
"""The account that one of the notebooks has in the name of its bucket."""
BEGIN = """
from datetime import datetime
import boto3, sagemaker
from sagemaker.analytics import TrainingJobAnalytics
from sagemaker.async_inference import AsyncInferenceConfig
from sagemaker.estimator import Estimator
from sagemaker.experiments.run import Run
from sagemaker.inputs import FileSystemInput
from sagemaker.model import Model
from sagemaker.model_monitor import DataCaptureConfig
from sagemaker.serverless import ServerlessInferenceConfig
session, role = sagemaker.Session(), sagemaker.get_execution_role()
session.sagemaker_config = {}  # with any setting in it, the SDK checks its own JSON schema at every look, for seconds in all
bucket = session.default_bucket()
open("model.tar.gz", "w").close()
archive = session.upload_data("model.tar.gz", key_prefix="model")
image = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:1.8-cpu-py36"
model = Model(image, model_data=archive, role=role, sagemaker_session=session)
def estimator(**more):
    return Estimator("nobody-has-this", role, 1, "ml.m5.large", sagemaker_session=session, **more)
fitted = estimator()
fitted.fit(wait=False)
"""
REFUSED = {
    "estimator(input_mode='Pipe').fit(archive, wait=False)": "InputMode Pipe of channel 'training' is not supported",
    "estimator(keep_alive_period_in_seconds=600).fit(wait=False)": "ResourceConfig.KeepAlivePeriodInSeconds is not supported",
    "estimator(subnets=['subnet-0a1b2c3d'], security_group_ids=['sg-0123abcd']).fit(\n"
    "    FileSystemInput('fs-0123456789abcdef0', 'EFS', '/dogs'), wait=False)": "FileSystemDataSource.FileSystemId is not",
    "model.deploy(serverless_inference_config=ServerlessInferenceConfig())": "ServerlessConfig.MemorySizeInMB is not supported",
    "model.deploy(1, 'ml.m5.large', async_inference_config=AsyncInferenceConfig(f's3://{bucket}/out'))": (
        "AsyncInferenceConfig.OutputConfig.S3OutputPath is not supported"
    ),
    "model.deploy(1, 'ml.m5.large', data_capture_config=DataCaptureConfig(True, destination_s3_uri=f's3://{bucket}/seen'))": (
        "DataCaptureConfig.EnableCapture is not supported"
    ),
    "model.deploy(1, 'ml.m5.large', kms_key='alias/mine')": "KmsKeyId is not supported by CreateEndpointConfig",
    "model.transformer(1, 'ml.m5.large').transform(archive, split_type='RecordIO')": "SplitType RecordIO is not supported",
    "model.register(['text/csv'], ['text/csv'], model_package_group_name='dogs')": "ListModelPackageGroups of sagemaker is not",
    "with Run('dogs', sagemaker_session=session) as run:\n    run.log_metric('loss', 1)": "CreateExperiment of sagemaker is not",
    "TrainingJobAnalytics(fitted.latest_training_job.name, ['loss'], start_time=datetime.now()).dataframe()": (
        "GetMetricStatistics of GraniteServiceVersion20100801 is not implemented"
    ),
    "boto3.client('application-autoscaling').register_scalable_target(\n"
    "    ServiceNamespace='sagemaker', ResourceId='endpoint/dogs/variant/AllTraffic', MinCapacity=1, MaxCapacity=2,\n"
    "    ScalableDimension='sagemaker:variant:DesiredInstanceCount')": "RegisterScalableTarget of application-",
    "session.upload_data('model.tar.gz', bucket='sagemaker-us-east-1-999999999999')": "The specified bucket does not exist",
    "boto3.client('sagemaker', region_name='us-west-2').list_training_jobs()": "'us-west-2' is not us-east-1",
    "boto3.client('sagemaker', aws_access_key_id='AKIAIOSFODNN7EXAMPLE', aws_secret_access_key='x' * 40).list_models()": (
        "The access key is not one of this server"
    ),
    "boto3.client('iam').get_role(RoleName='MySageMakerRole')": "The role with name MySageMakerRole cannot be found",
}
"""What a cell asks for that is not here, and what is said then."""


@dataclass(frozen=True, slots=True)
class Executed:
    """How one `kennel run` ended: its exit status, what it said, and the executed copy."""

    status: int
    said: str
    copy: Path


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Executed]]:
    """The three notebooks, executed side by side, as they wait for jobs more than they compute. One begins with no pictures."""
    notebooks.python()
    person = Kennel(tmp_path_factory.mktemp("person"))
    write_pictures(person.folder / "dogImages", classes=3, each=4, size=40)
    shutil.make_archive(str(person.folder / "served" / "dogImages"), "zip", person.folder, "dogImages")
    (person.folder / "typed").mkdir()
    shutil.copy(NOTEBOOKS / "typed_by_hand.ipynb", person.folder / "typed")
    shutil.copy(NOTEBOOKS / "tuned_and_shown.ipynb", person.folder)
    notebooks.write(person.folder / "refused.ipynb", BEGIN, *REFUSED)
    person.run("up", "--port", "0", "--account", ACCOUNT)
    handler = partial(SimpleHTTPRequestHandler, directory=str(person.folder / "served"))
    try:
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            url = f"data_url=http://127.0.0.1:{server.server_port}/dogImages.zip"
            place = ".kennel/notebooks/typed_by_hand.ipynb"
            running = {
                "typed_by_hand": person.start("run", "typed/typed_by_hand.ipynb", "--param", url, "--output", place),
                "tuned_and_shown": person.start("run", "tuned_and_shown.ipynb"),
                "refused": person.start("run", "refused.ipynb", "--keep-going"),
            }
            said = {name: "".join(process.communicate(timeout=600)) for name, process in running.items()}
            server.shutdown()
        copies = person.folder / ".kennel" / "notebooks"
        yield {name: Executed(running[name].returncode, said[name], copies / f"{name}.ipynb") for name in running}
    finally:
        person.run("stop")


def test_a_role_a_bucket_and_an_account_typed_by_hand(executed: dict[str, Executed]) -> None:
    found = executed["typed_by_hand"]
    assert found.status == 0, found.said
    printed = notebooks.printed(found.copy)
    assert printed[2].splitlines()[-1] == "Name: smdebug" and printed[4].split() == ["test", "train", "valid"]
    assert printed[5].split() == ["PRE", "test/", "PRE", "train/", "PRE", "valid/"]
    assert printed[8].splitlines()[0] == "True" and "Training job completed" in printed[8]
    assert printed[9].splitlines() == ["Completed True", "['average loss']"]
    assert printed[10].endswith("{'2.weight': (3, 192), '2.bias': (3,)}")


def test_a_search_is_plotted_and_its_best_deployed(executed: dict[str, Executed]) -> None:
    found = executed["tuned_and_shown"]
    assert found.status == 0, found.said
    printed = notebooks.printed(found.copy)
    assert printed[4].splitlines()[0] == "2 2" and "True" in printed[5].splitlines()
    assert printed[6].split() == ["Completed", "2", "2"]
    assert "<IPython.core.display.Image object>" in printed[8] and "(1, 3) 3" in printed[8]
    assert printed[9] == "(1, 3)" and printed[10].splitlines()[-1] in ("[]", "['Deleting']")


def test_what_is_not_here_is_refused_by_name(executed: dict[str, Executed]) -> None:
    found = executed["refused"]
    assert found.status == 1
    for number, words in enumerate(REFUSED.values(), 2):
        line = next((line for line in found.said.splitlines() if line.startswith(f"cell {number}  ")), "no failed cell")
        assert words in line, f"cell {number}: {line}"
    assert f"1 of {len(REFUSED) + 1} cells done, {len(REFUSED)} failed" in found.said
