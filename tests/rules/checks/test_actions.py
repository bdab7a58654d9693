"""StopTraining stops the one job that is meant, and none when it cannot tell."""

import time
from collections.abc import Iterator

import boto3
import pytest
from botocore.config import Config

from rules.checks.actions import StopTraining, read_actions, stalled_action
from rules.checks.catalog import make
from rules.errors import ParameterError
from tests.support.local_server import LocalServer, job_request, wait_for_job


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    started = LocalServer(tmp_path_factory.mktemp("server"))
    started.s3.create_bucket(Bucket="bucket")
    yield started
    started.stop()


def start(server: LocalServer, name: str) -> None:
    server.sagemaker.create_training_job(**job_request(name, HyperParameters={"wait": "30"}))


def test_only_a_prefix_of_one_running_job_stops_it(server: LocalServer) -> None:
    """smdebug's own action would look for "dog-b", in small letters, and find none."""
    for name in ("Dog-A-1", "Dog-B-1", "Dog-B-12"):
        start(server, name)
    time.sleep(0.5)
    assert StopTraining("Dog-")(server.sagemaker) == "StopTraining stopped nothing: 3 jobs in progress begin with 'Dog-'."
    assert StopTraining("og-A")(server.sagemaker).startswith("StopTraining stopped nothing: 0 jobs")
    assert StopTraining("Dog-A")(server.sagemaker) == "StopTraining: Dog-A-1 is being stopped."
    assert StopTraining("Dog-B-1")(server.sagemaker) == "StopTraining: Dog-B-1 is being stopped.", "a whole name is one job"
    assert wait_for_job(server, "Dog-A-1")["TrainingJobStatus"] == "Stopped"
    assert wait_for_job(server, "Dog-B-1")["TrainingJobStatus"] == "Stopped"
    assert server.sagemaker.describe_training_job(TrainingJobName="Dog-B-12")["TrainingJobStatus"] == "InProgress"
    server.sagemaker.stop_training_job(TrainingJobName="Dog-B-12")


def test_what_fails_is_told_in_one_line() -> None:
    client = boto3.client(
        "sagemaker",
        endpoint_url="http://127.0.0.1:1",
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}),
    )
    assert StopTraining("x")(client).startswith("StopTraining failed: Could not connect")


def test_actions_are_read_as_the_sdk_sends_them() -> None:
    one = '[{"name": "stoptraining", "training_job_prefix": "Dog-B"}]'
    assert read_actions(one, None) == [StopTraining("Dog-B")] == read_actions(one[1:-1], "other")
    assert read_actions('{"name": "StopTraining"}', "own-job") == [StopTraining("own-job")]
    assert read_actions(" ", "own-job") == []
    with pytest.raises(ParameterError, match="stoptraining needs training_job_prefix"):
        read_actions('{"name": "stoptraining"}', None)
    with pytest.raises(ParameterError, match="'sms' is not supported"):
        read_actions('[{"name": "sms", "endpoint": "1"}]', "own-job")


def test_a_stalled_training_has_its_action_among_its_parameters() -> None:
    assert stalled_action(make("StalledTrainingRule", {}), "own-job") == []
    rule = make("StalledTrainingRule", {"stop_training_on_fire": "True", "training_job_name_prefix": "Dog"})
    assert stalled_action(rule, "own-job") == [StopTraining("Dog")]
    assert stalled_action(make("StalledTrainingRule", {"stop_training_on_fire": "True"}), "own-job") == [StopTraining("own-job")]
