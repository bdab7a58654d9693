"""A cell that waits for a job that fails."""

from tests.support import notebooks
from tests.support.person import Kennel

JOB = """
import boto3
account = boto3.client("sts").get_caller_identity()["Account"]
sagemaker = boto3.client("sagemaker")
boto3.client("s3").create_bucket(Bucket="things")
sagemaker.create_training_job(
    TrainingJobName="fails", RoleArn=f"arn:aws:iam::{account}:role/KennelExecutionRole",
    AlgorithmSpecification={"TrainingImage": "tensorflow-training:2", "TrainingInputMode": "File"},
    OutputDataConfig={"S3OutputPath": "s3://things/out"}, StoppingCondition={"MaxRuntimeInSeconds": 60},
    ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10})
sagemaker.get_waiter("training_job_completed_or_stopped").wait(TrainingJobName="fails", WaiterConfig={"Delay": 1})
"""


def test_a_failed_cell_is_told_with_its_jobs_reason_and_the_copy_is_there(notebook_person: Kennel) -> None:
    notebooks.write(notebook_person.folder / "two.ipynb", "print('first')", JOB, "print('after')")
    done = notebook_person.run("run", "two.ipynb", "--output", "out/copy.ipynb", status=1)
    assert "failed  import boto3" in done.stdout and "cell 2  WaiterError: " in done.stdout
    assert "training job fails: " in done.stdout and "tensorflow-training" in done.stdout
    assert "1 of 3 cells done, 1 failed, 1 not run" in done.stdout
    assert notebooks.printed(notebook_person.folder / "out/copy.ipynb")[0] == "first"


def test_no_server_is_started_to_ask_where_a_cell_ended_the_running_one(notebook_person: Kennel) -> None:
    ends = (
        "import json, os, signal, time\n"
        "pid = json.load(open('.kennel/local/server.json'))['pid']\n"
        "os.kill(pid, signal.SIGKILL)\ntime.sleep(1)\n1 / 0"
    )
    notebooks.write(notebook_person.folder / "ends.ipynb", ends)
    done = notebook_person.run("run", "ends.ipynb", status=1)
    assert "whether a job failed is not known: the local SageMaker that the notebook began with has ended\n" in done.stdout
    assert done.stderr.count("local SageMaker started on") == 1
