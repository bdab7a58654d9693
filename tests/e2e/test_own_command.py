"""A job that brings its own command, by plain boto3, through `kennel up` and the real train program under AWS's image name."""

import io
import tarfile
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.local_server import wait_until
from tests.support.person import Kennel

pytestmark = pytest.mark.timeout(300)
IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.5-cpu-py311"
TRAIN = """
import json, signal, sys, time
def stop(*_):
    open("/opt/ml/model/saved", "w").write("saved at the stop")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
given = json.load(open("/opt/ml/input/config/hyperparameters.json"))
print("Average loss:", float(given["lr"]) * 2, flush=True)
open("/opt/ml/model/model.txt", "w").write("weights")
if given.get("wait"):
    print("waits", flush=True)
    time.sleep(600)
"""

RANKS = """
import torch.distributed as dist
dist.init_process_group("gloo")
print("Average loss:", float(dist.get_world_size()), flush=True)
dist.barrier()
dist.destroy_process_group()
"""
START = """
number=$(python3 -c '
import json
given = json.load(open("/opt/ml/input/config/resourceconfig.json"))
print(given["hosts"].index(given["current_host"]))')
cd /opt/ml/input/data/code
torchrun --nnodes=2 --nproc_per_node=1 --master_addr=algo-1 --master_port=7777 --node_rank=$number ranks.py
"""


class Person:
    """Clients of the server that `kennel up` started in a folder."""

    def __init__(self, kennel: Kennel) -> None:
        self.s3, self.sagemaker = (kennel.client(name) for name in ("s3", "sagemaker"))
        for name, text in (("train.py", TRAIN), ("ranks.py", RANKS), ("ranks.sh", START)):
            self.s3.put_object(Bucket="kennel-local", Key=f"code/{name}", Body=text.encode())

    def create(self, name: str, *, hosts: int = 1, entry: list[str], arguments: list[str], **hyperparameters: str) -> None:
        source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://kennel-local/code"}}
        algorithm: dict[str, Any] = {"TrainingImage": IMAGE, "TrainingInputMode": "File"}
        algorithm["MetricDefinitions"] = [{"Name": "loss", "Regex": "Average loss: ([0-9.]+)"}]
        self.sagemaker.create_training_job(
            TrainingJobName=name,
            AlgorithmSpecification=algorithm
            | ({"ContainerEntrypoint": entry} if entry else {})
            | ({"ContainerArguments": arguments} if arguments else {}),
            RoleArn="arn:aws:iam::000000000000:role/kennel-execution",
            HyperParameters=hyperparameters,
            InputDataConfig=[{"ChannelName": "code", "DataSource": source}],
            OutputDataConfig={"S3OutputPath": "s3://kennel-local/out"},
            ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": hosts, "VolumeSizeInGB": 10},
            StoppingCondition={"MaxRuntimeInSeconds": 200},
        )

    def job(self, name: str) -> dict[str, Any]:
        return self.sagemaker.describe_training_job(TrainingJobName=name)

    def ended(self, name: str) -> dict[str, Any]:
        wait_until(lambda: self.job(name)["TrainingJobStatus"] in ("Completed", "Failed", "Stopped"), 120)
        return self.job(name)


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    kennel = Kennel(tmp_path_factory.mktemp("work"))
    kennel.run("up", "--port", "0")
    try:
        yield Person(kennel)
    finally:
        kennel.run("stop")


COMMAND = ["python3", "/opt/ml/input/data/code/train.py"]


@pytest.mark.parametrize(
    ("entry", "arguments"),
    [(COMMAND, []), (["/bin/bash"], ["-c", " ".join(COMMAND)]), ([], COMMAND)],
    ids=["entry point", "shell", "arguments alone"],
)
def test_a_command_runs_in_the_jobs_environment(person: Person, entry: list[str], arguments: list[str]) -> None:
    name = f"own-{len(entry)}-{len(arguments)}"
    person.create(name, entry=entry, arguments=arguments, lr="0.25")
    job = person.ended(name)
    assert job["TrainingJobStatus"] == "Completed", job["FailureReason"]
    assert [(found["MetricName"], found["Value"]) for found in job["FinalMetricDataList"]] == [("loss", 0.5)]


def test_why_it_failed_is_the_reason(person: Person) -> None:
    person.create("wrong", entry=COMMAND, arguments=[], lr="much")
    job = person.ended("wrong")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: ExecuteUserScriptError: ExitCode 1")
    assert "ErrorMessage \"ValueError: could not convert string to float: 'much' (train.py:8 in <module>)" in job["FailureReason"]


def test_a_stop_reaches_it_and_its_model_is_kept(person: Person) -> None:
    person.create("stopped", entry=["/bin/bash", "-c", " ".join([*COMMAND, "; true"])], arguments=[], lr="0.25", wait="yes")
    wait_until(lambda: person.job("stopped").get("FinalMetricDataList"), 60)
    person.sagemaker.stop_training_job(TrainingJobName="stopped")
    job = person.ended("stopped")
    assert job["TrainingJobStatus"] == "Stopped"
    model = person.s3.get_object(Bucket="kennel-local", Key="out/stopped/output/model.tar.gz")["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(model)) as tar:
        assert tar.extractfile("saved").read() == b"saved at the stop"


def test_several_hosts_find_each_other_by_their_names(person: Person) -> None:
    """As the SDK's Torchrun() starts them: algo-1 and port 7777."""
    person.create("hosts", hosts=2, entry=["/bin/bash", "/opt/ml/input/data/code/ranks.sh"], arguments=[])
    job = person.ended("hosts")
    assert job["TrainingJobStatus"] == "Completed", job["FailureReason"]
    assert [found["Value"] for found in job["FinalMetricDataList"]] == [2.0]
