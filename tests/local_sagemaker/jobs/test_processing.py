"""Processing jobs run for real: what the container finds, what it leaves, how it ends. Also of
local_sagemaker.jobs.running_jobs, local_sagemaker.jobs.job_thread, local_sagemaker.containers.processing_files,
local_sagemaker.jobs.processing_jobs, local_sagemaker.jobs.processing_run and local_sagemaker.jobs.processing_state."""

import json
import os
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.local_server import LocalServer, log_lines, processing_request, wait_for_processing, wait_until


def run(server: LocalServer, name: str, environment: dict[str, str] | None = None, **change: Any) -> dict[str, Any]:
    server.sagemaker.create_processing_job(**processing_request(name, environment, **change))
    return wait_for_processing(server, name)


def output(name: str, path: str = "out", mode: str = "EndOfJob") -> dict[str, Any]:
    place = {"S3Uri": f"s3://bucket/{name}", "LocalPath": f"/opt/ml/processing/output/{path}", "S3UploadMode": mode}
    return {"OutputName": path, "S3Output": place}


def given(name: str, uri: str, path: str) -> dict[str, Any]:
    source = {"S3Uri": uri, "LocalPath": f"/opt/ml/processing/input/{path}", "S3DataType": "S3Prefix", "S3InputMode": "File"}
    return {"InputName": name, "S3Input": source}


def text(server: LocalServer, key: str) -> str:
    return server.s3.get_object(Bucket="bucket", Key=key)["Body"].read().decode()


def keys(server: LocalServer, prefix: str) -> list[str]:
    return [item["Key"] for item in server.s3.list_objects_v2(Bucket="bucket", Prefix=prefix).get("Contents", [])]


def test_a_container_finds_all_that_it_is_promised(server: LocalServer) -> None:
    server.s3.put_object(Bucket="bucket", Key="set/a/one.txt", Body=b"1")
    server.s3.put_object(Bucket="bucket", Key="set/two.txt", Body=b"2")
    job = run(
        server,
        "all-files",
        {"copy": "yes", "say": "hello", "message": "all is well"},
        ProcessingInputs=[given("set", "s3://bucket/set/", "data/set")],
        ProcessingOutputConfig={"Outputs": [output("copied", "copy")]},
        AppSpecification={"ImageUri": "test-processing:1", "ContainerArguments": ["--from", "/opt/ml/processing/input/data"]},
        Tags=[{"Key": "a", "Value": "1"}],
    )
    assert job["ProcessingJobStatus"] == "Completed" and job["ExitMessage"] == "all is well" and "FailureReason" not in job
    assert job["ProcessingStartTime"] <= job["ProcessingEndTime"] and job["StoppingCondition"] == {"MaxRuntimeInSeconds": 86400}
    assert server.sagemaker.list_tags(ResourceArn=job["ProcessingJobArn"])["Tags"] == [{"Key": "a", "Value": "1"}]
    assert text(server, "copied/processing/input/data/set/a/one.txt") == "1"
    config = json.loads(text(server, "copied/config/processingjobconfig.json"))
    about = json.loads(text(server, "copied/about.json"))
    base = about["environment"]["SAGEMAKER_BASE_DIR"]
    assert config["ProcessingJobArn"] == job["ProcessingJobArn"] and config["Environment"]["say"] == "hello"
    assert config["ProcessingInputs"][0]["S3Input"]["LocalPath"] == f"{base}/processing/input/data/set"
    assert about["arguments"] == ["--from", f"{base}/processing/input/data"] and about["nice"] == os.getpriority(
        os.PRIO_PROCESS, 0
    )
    assert about["environment"]["AWS_ENDPOINT_URL"] == server.url and about["environment"]["AWS_ACCESS_KEY_ID"]
    assert json.loads(text(server, "copied/config/resourceconfig.json"))["hosts"] == ["algo-1"]
    assert log_lines(server, "all-files", kind="ProcessingJobs") == ["hello"]
    wait_until(lambda: not (server.root / "processing" / "all-files").exists())


def test_a_container_cut_off_the_network_gets_no_key(server: LocalServer) -> None:
    isolated = {"NetworkConfig": {"EnableNetworkIsolation": True}}
    outputs = {"ProcessingOutputConfig": {"Outputs": [output("isolated", "copy")]}}
    source = {"ProcessingInputs": [given("set", "s3://bucket/isolated-in", "data")]}
    server.s3.put_object(Bucket="bucket", Key="isolated-in/x", Body=b"1")
    run(server, "isolated", {"copy": "yes"}, **isolated, **outputs, **source)
    assert "AWS_SECRET_ACCESS_KEY" not in json.loads(text(server, "isolated/about.json"))["environment"]
    assert "cannot be cut off the network" in log_lines(server, "isolated", kind="ProcessingJobs")[0]


def test_a_program_that_fails_says_why_and_keeps_what_goes_up_at_once(server: LocalServer) -> None:
    written = json.dumps({"processing/output/now/a": "A", "processing/output/end/b": "B"})
    outputs = {"Outputs": [output("failed-now", "now", "Continuous"), output("failed-end", "end")]}
    job = run(server, "failed", {"write": written, "message": "no luck\ntoday", "exit": "3"}, ProcessingOutputConfig=outputs)
    assert job["ProcessingJobStatus"] == "Failed" and job["ExitMessage"] == "no luck\ntoday"
    assert job["FailureReason"] == "AlgorithmError: See job logs for more information, exit code: 3"
    assert keys(server, "failed-") == ["failed-now/a"]


def test_what_is_written_goes_up_while_the_job_runs(server: LocalServer) -> None:
    outputs = {"Outputs": [output("while", "now", "Continuous")]}
    environment = {"write": json.dumps({"processing/output/now/a": "A"}), "wait": "30"}
    server.sagemaker.create_processing_job(**processing_request("while", environment, ProcessingOutputConfig=outputs))
    wait_until(lambda: keys(server, "while/") == ["while/a"])
    with pytest.raises(ClientError, match="InProgress and cannot be deleted"):
        server.sagemaker.delete_processing_job(ProcessingJobName="while")
    with pytest.raises(ClientError, match="must be unique"):
        server.sagemaker.create_processing_job(**processing_request("while"))
    server.sagemaker.stop_processing_job(ProcessingJobName="while")
    job = wait_for_processing(server, "while")
    assert job["ProcessingJobStatus"] == "Stopped" and "got SIGTERM" in log_lines(server, "while", kind="ProcessingJobs")
    with pytest.raises(ClientError, match="in status Stopped"):
        server.sagemaker.stop_processing_job(ProcessingJobName="while")
    server.sagemaker.delete_processing_job(ProcessingJobName="while")
    with pytest.raises(ClientError, match=r"ResourceNotFound.*Could not find requested job with name: while"):
        server.sagemaker.describe_processing_job(ProcessingJobName="while")


def test_a_job_that_takes_too_long_is_stopped(server: LocalServer) -> None:
    job = run(server, "too-long", {"wait": "60"}, StoppingCondition={"MaxRuntimeInSeconds": 1})
    assert job["ProcessingJobStatus"] == "Stopped" and "MaxRuntimeInSeconds" in job["FailureReason"]


def test_an_image_without_a_program_fails_with_a_reason(server: LocalServer) -> None:
    job = run(server, "no-image", AppSpecification={"ImageUri": "nobody-has-this:1"})
    assert job["ProcessingJobStatus"] == "Failed" and "nobody-has-this:1" in job["FailureReason"]


def test_jobs_are_listed(server: LocalServer) -> None:
    for name in ("list-b", "list-a"):
        run(server, name, {"exit": "1" if name == "list-a" else "0", "message": name})
    found = server.sagemaker.list_processing_jobs(NameContains="list-", SortBy="Name", SortOrder="Ascending")
    summaries = found["ProcessingJobSummaries"]
    assert [(one["ProcessingJobName"], one["ProcessingJobStatus"], one["ExitMessage"]) for one in summaries] == [
        ("list-a", "Failed", "list-a"),
        ("list-b", "Completed", "list-b"),
    ]
    failed = server.sagemaker.list_processing_jobs(NameContains="list-", StatusEquals="Failed")
    assert [one["ProcessingJobName"] for one in failed["ProcessingJobSummaries"]] == ["list-a"]


BAD_PATH = {"S3Uri": "s3://bucket/x", "LocalPath": "/opt/ml/processing/../../../etc", "S3UploadMode": "EndOfJob"}
CLUSTER = {"InstanceCount": 2, "InstanceType": "ml.t3.medium", "VolumeSizeInGB": 1}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ProcessingInputs": [given("a", "s3://bucket/none/", "x")]}, 'No S3 objects found under S3 URL "s3://bucket/none/"'),
        ({"ProcessingOutputConfig": {"Outputs": [{"OutputName": "o", "S3Output": BAD_PATH}]}}, "has to begin with"),
        ({"ProcessingOutputConfig": {"Outputs": [output("a"), output("b")]}}, "'out' is given more than once"),
        ({"ProcessingOutputConfig": {"Outputs": [{"OutputName": "o"}]}}, "needs S3Output with LocalPath"),
        ({"ProcessingResources": {"ClusterConfig": CLUSTER}}, "InstanceCount 2 is not supported by CreateProcessingJob"),
        ({"Environment": {"SAGEMAKER_BASE_DIR": "/tmp"}}, "SAGEMAKER_BASE_DIR is set by SageMaker"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_starts(server: LocalServer, change: dict[str, Any], words: str) -> None:
    with pytest.raises(ClientError, match=words):
        server.sagemaker.create_processing_job(**processing_request("refused", **change))
    with pytest.raises(ClientError, match="Could not find requested job"):
        server.sagemaker.describe_processing_job(ProcessingJobName="refused")
