"""What the names of images stand for: the order of names and patterns, and what a job is told that runs as another image."""

from pathlib import Path

import pytest

from local_sagemaker.config import read_config
from local_sagemaker.errors import StartError
from local_sagemaker.image_table import Image, ImageTable
from tests.support.local_server import (
    PROCESSING_IMAGE,
    SERVE_IMAGE,
    TRAIN_IMAGE,
    LocalServer,
    ask,
    job_request,
    log_lines,
    processing_request,
    put_model,
    wait_for_endpoint,
    wait_for_job,
    wait_for_processing,
)

PROGRAM = Image(command=("true",), environment={})
EAST = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:1.8-gpu-py36"
NORTH = "123456789012.dkr.ecr.eu-north-1.amazonaws.com/pytorch-training@sha256:0"
TABLE = ImageTable(
    commands={"*/mine:*": PROGRAM, "*:2": PROGRAM, "a/mine:2": PROGRAM, "plain": PROGRAM},
    aliases={"*/pytorch-training:*": "plain", "*/mine:3": "other", "plain*": "other", "b/mine": "plain"},
)


@pytest.mark.parametrize(
    ("name", "entry", "is_other"),
    [
        ("a/mine:2", "a/mine:2", False),  # its own name, though two patterns that fit come first
        ("b/mine:2", "*/mine:*", False),  # the first of two patterns
        ("b/yours:2", "*:2", False),
        ("b/mine:3", "*/mine:*", False),  # a command goes before an alias
        ("plain", "plain", False),
        ("plainer", "other", True),
        ("b/mine", "plain", True),
        (EAST, "plain", True),
        (NORTH.replace("@sha256", ""), "plain", True),
        (NORTH, NORTH, False),  # a digest is no tag
        ("pytorch-training:1", "pytorch-training:1", False),  # the pattern asks for a registry
        ("a/tensorflow-training:2.13", "a/tensorflow-training:2.13", False),
        ("*/mine:*", "*/mine:*", False),
    ],
)
def test_a_name_goes_before_the_patterns_and_these_in_their_order(name: str, entry: str, is_other: bool) -> None:
    assert TABLE.stands_for(name) == (entry, is_other)


def test_a_command_line_gives_names_patterns_and_aliases(tmp_path: Path) -> None:
    given = [
        "--image",
        "*/own:*=python own.py",
        "--image-alias",
        "*/pytorch-training:*=here",
        "--image-remark",
        "here=torch 2: =)",
        "--serving-alias",
        "*/pytorch-training:1*=there",
    ]
    table = read_config(["--root", str(tmp_path), *given]).images
    assert table.commands["*/own:*"].command == ("python", "own.py")
    assert table.stands_for(EAST) == ("here", True)
    assert table.stands_for(EAST, serves=True) == ("there", True), "where it is a model's image"
    assert table.stands_for(NORTH.replace("@sha256", ""), serves=True) == ("here", True)
    assert table.remark(EAST, "here") == "pytorch-training:1.8-gpu-py36 runs as here: torch 2: =)."
    assert table.remark(EAST, "there") == "pytorch-training:1.8-gpu-py36 runs as there."
    told = table.remedy("aws/xgboost:1")
    assert told.startswith("Images known here: */own:*, */pytorch-training:*, */pytorch-training:1*.") and told.endswith(
        "--image 'aws/xgboost:1=COMMAND'"
    )


def test_an_image_may_run_the_commands_that_jobs_bring(tmp_path: Path) -> None:
    given = ["--image", "mine:1=A=b run it", "--image", "other:1=run", "--image-runs-commands", "mine:1"]
    commands = read_config(["--root", str(tmp_path), *given]).images.commands
    assert commands["mine:1"] == Image(command=("run", "it"), environment={"A": "b"}, runs_commands=True)
    assert not commands["other:1"].runs_commands
    with pytest.raises(StartError, match=r"^--image-runs-commands their:1: no --image of that name is given"):
        read_config(["--root", str(tmp_path), *given, "--image-runs-commands", "their:1"])


def test_a_job_an_evaluation_and_an_endpoint_run_as_another_image_and_say_so(tmp_path: Path) -> None:
    aliases = {"*/pytorch-training:*": TRAIN_IMAGE, "*/rules:*": PROCESSING_IMAGE, "*/serving:*": TRAIN_IMAGE}
    options = [f"--image-alias={name}={image}" for name, image in aliases.items()]
    options.append(f"--serving-alias=*/serving:*={SERVE_IMAGE}")
    server = LocalServer(tmp_path / "root", *options, f"--image-remark={TRAIN_IMAGE}=torch 2.15.0, Python 3.11")
    try:
        server.s3.create_bucket(Bucket="bucket")
        request = job_request("as-another", HyperParameters={"say": "done"})
        request["AlgorithmSpecification"]["TrainingImage"] = EAST
        server.sagemaker.create_training_job(**request)
        process = processing_request(
            "rule", AppSpecification={"ImageUri": "503895931360.dkr.ecr.us-east-1.amazonaws.com/rules:latest"}
        )
        server.sagemaker.create_processing_job(**process)
        container = {"Image": "registry/serving:1", "ModelDataUrl": put_model(server, "weights")}
        server.sagemaker.create_model(ModelName="m", PrimaryContainer=container, ExecutionRoleArn=request["RoleArn"])
        variant = {"VariantName": "v", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        server.sagemaker.create_endpoint_config(EndpointConfigName="e", ProductionVariants=[variant])
        server.sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="e")
        job, rule = wait_for_job(server, "as-another"), wait_for_processing(server, "rule")
        told = log_lines(server, "as-another"), log_lines(server, "rule", kind="ProcessingJobs")
        assert wait_for_endpoint(server, "e")["EndpointStatus"] == "InService" and "weights" in ask(server, "e")
        streams = server.logs.describe_log_streams(logGroupName="/aws/sagemaker/Endpoints/e")["logStreams"]
        lines = server.logs.get_log_events(logGroupName="/aws/sagemaker/Endpoints/e", logStreamName=streams[0]["logStreamName"])
    finally:
        server.stop()
    sentence = "pytorch-training:1.8-gpu-py36 runs as test-train:1: torch 2.15.0, Python 3.11."
    assert job["TrainingJobStatus"] == "Completed" and rule["ProcessingJobStatus"] == "Completed"
    assert job["AlgorithmSpecification"]["TrainingImage"] == EAST, "a description gives back what was asked for"
    messages = {one["Status"]: one["StatusMessage"] for one in job["SecondaryStatusTransitions"]}
    assert messages["Training"].endswith(f"Training in progress. {sentence}") and told[0][0] == f"[platform] {sentence}"
    assert "done" in told[0] and told[1][0] == "[platform] rules:latest runs as test-processing:1."
    assert lines["events"][0]["message"] == "[platform] serving:1 runs as test-serve:1."
