"""The scripts of tests/projects trained through plain boto3, and what came of them."""

import io
import math
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest
from smdebug import modes
from smdebug.trials import create_trial

from tests.support import projects
from tests.support.local_server import ROLE, wait_until
from tests.support.person import Kennel, write_pictures
from tests.support.projects import RULES_IMAGE, TRAINING_IMAGE, Project

DEBUGGER = ("VanishingGradient", "Overfit", "PoorWeightInitialization", "LossNotDecreasing")
COLLECTIONS = (("losses", {}), ("gradients", {}), ("relu_input", {"include_regex": ".*relu_input", "reductions": "variance"}))


class Machine:
    """A person's folder with a local SageMaker, and plain clients of it."""

    def __init__(self, folder: Path, backend: str = "process") -> None:
        self.kennel = Kennel(folder)
        self.kennel.run("up", "--port", "0", BACKEND=backend)
        self.sagemaker, self.s3, self.logs = (self.kennel.client(name) for name in ("sagemaker", "s3", "logs"))
        self.s3.create_bucket(Bucket="mine")
        pictures = write_pictures(folder / "pictures", classes=3, each=4, size=40)
        for path in sorted(pictures.rglob("*.jpg")):
            self.s3.upload_file(str(path), "mine", f"dogImages/{path.relative_to(pictures)}")

    def train(self, project: Project) -> dict[str, Any]:
        """DescribeTrainingJob once the job and its rules have ended."""
        projects.put_weights(self.kennel.folder / ".kennel" / "cache", project.pretrained)
        source = f"code/{project.name}/sourcedir.tar.gz"
        self.s3.put_object(Bucket="mine", Key=source, Body=projects.source_archive(project))
        name = project.name.replace("_", "-")
        request = _request(project, name)
        request["HyperParameters"] = projects.sent_hyperparameters(project, f"s3://mine/{source}")
        self.sagemaker.create_training_job(**request)
        job: dict[str, Any] = {}

        def ended() -> bool:
            job.update(self.sagemaker.describe_training_job(TrainingJobName=name))
            return job["TrainingJobStatus"] not in ("InProgress", "Stopping") and not any(
                one["RuleEvaluationStatus"] in ("InProgress", "Stopping") for one in _rules(job)
            )

        wait_until(ended, 300)
        return job

    def printed(self, job: str) -> str:
        """The end of what the job's hosts printed."""
        found = self.logs.filter_log_events(logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=f"{job}/")
        return "\n".join(event["message"] for event in found["events"])[-6000:]

    def members(self, job: str, archive: str) -> set[str]:
        """The files in an archive of the job's output."""
        body = self.s3.get_object(Bucket="mine", Key=f"out/{job}/output/{archive}")["Body"].read()
        with tarfile.open(fileobj=io.BytesIO(body)) as tar:
            return {member.name for member in tar.getmembers() if member.isfile()}

    def tensors(self, job: str, folder: Path) -> Any:
        """smdebug's trial of the tensors that the job left in S3."""
        prefix = f"tensors/{job}/debug-output/"
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket="mine", Prefix=prefix):
            for item in page["Contents"]:
                path = folder / item["Key"].removeprefix(prefix)
                path.parent.mkdir(parents=True, exist_ok=True)
                self.s3.download_file("mine", item["Key"], str(path))
        return create_trial(str(folder))


def _request(project: Project, name: str) -> dict[str, Any]:
    channels = [
        {
            "ChannelName": channel,
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://mine/dogImages/{part}".rstrip("/")}},
        }
        for channel, part in project.channels.items()
    ]
    rules = {
        "DebugRuleConfigurations": [
            {
                "RuleConfigurationName": rule,
                "RuleEvaluatorImage": RULES_IMAGE,
                "RuleParameters": {"rule_to_invoke": rule},
            }
            for rule in DEBUGGER
        ],
        "ProfilerRuleConfigurations": [
            {
                "RuleConfigurationName": "LowGPUUtilization",
                "RuleEvaluatorImage": RULES_IMAGE,
                "RuleParameters": {"rule_to_invoke": "LowGPUUtilization"},
            }
        ],
    }
    saved = {"save_interval": "1"}
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {
            "TrainingImage": TRAINING_IMAGE,
            "TrainingInputMode": "File",
            "MetricDefinitions": [dict(project.metric)],
            "EnableSageMakerMetricsTimeSeries": True,
        },
        "RoleArn": ROLE,
        "InputDataConfig": channels,
        "OutputDataConfig": {"S3OutputPath": "s3://mine/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": project.instances, "VolumeSizeInGB": 30},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        "DebugHookConfig": {
            "S3OutputPath": "s3://mine/tensors",
            "HookParameters": saved,
            "CollectionConfigurations": [
                {"CollectionName": one, "CollectionParameters": {**saved, **parameters}} for one, parameters in COLLECTIONS
            ],
        },
        "ProfilerConfig": {"S3OutputPath": "s3://mine/profiles", "ProfilingIntervalInMilliseconds": 500},
        **rules,
    }


def _rules(job: dict[str, Any]) -> list[dict[str, Any]]:
    return [*job["DebugRuleEvaluationStatuses"], *job["ProfilerRuleEvaluationStatuses"]]


def train_and_check(machine: Machine, project: Project, folder: Path) -> None:
    """Trains a project with rules: its model, metric, tensors and rules have to be what its owner finds on AWS."""
    projects.skip_without_packages(project, folder / "packages")
    began = time.monotonic()
    job = machine.train(project)
    name = job["TrainingJobName"]
    if job["TrainingJobStatus"] != "Completed":
        pytest.fail(f"{job['FailureReason']}\n{machine.printed(name)}")
    print(f"{name}: {time.monotonic() - began:.1f} s with its rules, {job['TrainingTimeInSeconds']} s of them training")

    assert machine.members(name, "model.tar.gz") == set(project.saved)
    assert not project.output or set(project.output) <= machine.members(name, "output.tar.gz")
    [metric] = job["FinalMetricDataList"]
    assert metric["MetricName"] == project.metric["Name"] and math.isfinite(metric["Value"])

    trial = machine.tensors(name, folder / "tensors")
    assert trial.tensor_names(collection="losses") == [project.loss], machine.printed(name)
    for mode in project.modes:
        steps = trial.tensor(project.loss).steps(mode=modes[mode])
        assert steps, f"no loss of {mode}"
        assert all(math.isfinite(trial.tensor(project.loss).value(step, mode=modes[mode]).mean()) for step in steps)
    assert trial.tensor_names(collection="gradients")

    found = {one["RuleConfigurationName"]: (one["RuleEvaluationStatus"], one.get("StatusDetails", "")) for one in _rules(job)}
    assert set(found) == {*DEBUGGER, "LowGPUUtilization"}
    print("\n".join(f"   {rule:26} {status} {details}" for rule, (status, details) in found.items()))
    if project.modes == ("GLOBAL",):
        status, details = found["Overfit"]
        assert status == "NoIssuesFound" and "the script sets no mode" in details and "Call hook.set_mode" in details
    assert {status for status, _ in found.values()} <= {"IssuesFound", "NoIssuesFound"}, found
