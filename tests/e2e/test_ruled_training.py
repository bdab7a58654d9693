"""The real programs through the real API: a training that goes wrong is stopped by its rule, a healthy one is told so, and the
hooked, ruled model deploys as it is.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.aws import builtin_rules
from tests.support.local_server import IMAGES, ROLE, LocalServer, job_request, wait_for_endpoint, wait_for_job, wait_until
from tests.support.train_jobs import draw

pytestmark = pytest.mark.timeout(480)
ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = {name: [f"PYTHONPATH={ROOT}", "OMP_NUM_THREADS=1", sys.executable, "-m", name] for name in ("train", "serve", "rules")}
PROGRAMS["serve"].insert(1, "KENNEL_BIND_HOST=127.0.0.1")
SETTINGS = {"arch": "resnet18", "picture-size": "64", "batch-size": "16", "train-layers": "all", "loader-workers": "0"}
EVERY = 4
"""Steps between two saved ones."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A server that runs our three programs, with pictures in its bucket."""
    folder = tmp_path_factory.mktemp("pictures")
    IMAGES.update(PROGRAMS)
    started = LocalServer(tmp_path_factory.mktemp("root"))
    started.s3.create_bucket(Bucket="bucket")
    for split, count in (("train", 32), ("validation", 4), ("test", 2)):
        draw(folder, split, count)
    for path in folder.rglob("*.png"):
        started.s3.put_object(Bucket="bucket", Key=f"data/{path.relative_to(folder)}", Body=path.read_bytes())
    yield started
    started.stop()


def train(server: LocalServer, name: str, rules: str, parameters: dict[str, str], **settings: str) -> dict[str, Any]:
    """Trains with these rules; the job once it and its rules have ended."""
    chosen = builtin_rules.read(rules)
    channels = []
    for channel in ("train", "validation", "test"):
        source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://bucket/data/{channel}/"}
        channels.append({"ChannelName": channel, "DataSource": {"S3DataSource": source}})
    hooks = [
        {"CollectionName": one["CollectionName"], "CollectionParameters": {**one["CollectionParameters"], **parameters}}
        for one in builtin_rules.collections(chosen)
    ]
    action = json.dumps([{"name": "stoptraining", "training_job_prefix": name}])
    configurations: dict[str, list[dict[str, Any]]] = {}
    for rule in chosen:
        own = {"rule_to_invoke": rule.name, **rule.parameters, **({} if rule.is_profiler else {"action_json": action})}
        member = f"{'Profiler' if rule.is_profiler else 'Debug'}RuleConfigurations"
        one = {"RuleConfigurationName": rule.name, "RuleEvaluatorImage": "rules", "RuleParameters": own}
        configurations.setdefault(member, []).append(one)
    request = job_request(
        name,
        AlgorithmSpecification={"TrainingImage": "train", "TrainingInputMode": "File"},
        HyperParameters={**SETTINGS, **{key.replace("_", "-"): value for key, value in settings.items()}},
        InputDataConfig=channels,
        StoppingCondition={"MaxRuntimeInSeconds": 600},
        DebugHookConfig={"S3OutputPath": "s3://bucket/tensors", "CollectionConfigurations": hooks},
        ProfilerConfig={"S3OutputPath": "s3://bucket/profiles"},
        **configurations,
    )
    server.sagemaker.create_training_job(**request)
    wait_for_job(server, name, 300)
    wait_until(lambda: all(one["RuleEvaluationStatus"] not in ("InProgress", "Stopping") for one in statuses(server, name)), 60)
    return server.sagemaker.describe_training_job(TrainingJobName=name)


def statuses(server: LocalServer, name: str) -> list[dict[str, Any]]:
    job = server.sagemaker.describe_training_job(TrainingJobName=name)
    return [*job.get("DebugRuleEvaluationStatuses", []), *job.get("ProfilerRuleEvaluationStatuses", [])]


def saved_steps(server: LocalServer, name: str) -> list[int]:
    pages = server.s3.get_paginator("list_objects_v2").paginate(Bucket="bucket", Prefix=f"tensors/{name}/debug-output/index/")
    return [int(item["Key"].rpartition("/")[2][:12]) for page in pages for item in page["Contents"]]


def test_a_training_that_goes_wrong_is_stopped_by_its_rule(server: LocalServer) -> None:
    every = {"train.save_interval": str(EVERY), "eval.end_step": "0"}
    job = train(server, "Sick", "LossNotDecreasing:num_steps=8", every, lr="5.0", epochs="200")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped"), job
    [status] = job["DebugRuleEvaluationStatuses"]
    assert status["RuleEvaluationStatus"] == "IssuesFound"
    begin = "RuleEvaluationConditionMet: Evaluation of the rule LossNotDecreasing at step "
    assert status["StatusDetails"].startswith(begin)
    fired = int(status["StatusDetails"].removeprefix(begin).split()[0])
    after = [step for step in saved_steps(server, "Sick") if step > fired]
    print(f"fired at step {fired}, {len(after)} steps were saved after it")
    assert len(after) <= 10
    found = server.s3.get_object(Bucket="bucket", Key="tensors/Sick/rule-output/LossNotDecreasing/LossNotDecreasing.json")
    assert json.loads(found["Body"].read())["evidence"][0]["step"] == fired


def test_a_healthy_training_is_told_so_and_deploys_as_it_is(server: LocalServer) -> None:
    rules = "VanishingGradient,PoorWeightInitialization,ExplodingTensor,LowGPUUtilization"
    job = train(server, "healthy", rules, {}, lr="0.001", epochs="2")
    assert job["TrainingJobStatus"] == "Completed", job
    found = {one["RuleConfigurationName"]: one for one in statuses(server, "healthy")}
    assert {name: one["RuleEvaluationStatus"] for name, one in found.items()} == dict.fromkeys(found, "NoIssuesFound"), found
    container = {"Image": "serve", "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"]}
    server.sagemaker.create_model(ModelName="healthy", PrimaryContainer=container, ExecutionRoleArn=ROLE)
    variant = {"VariantName": "AllTraffic", "ModelName": "healthy", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    server.sagemaker.create_endpoint_config(EndpointConfigName="healthy", ProductionVariants=[variant])
    server.sagemaker.create_endpoint(EndpointName="healthy", EndpointConfigName="healthy")
    assert wait_for_endpoint(server, "healthy", 120)["EndpointStatus"] == "InService"
    picture = server.s3.get_object(Bucket="bucket", Key="data/test/a/000.png")["Body"].read()
    answer = server.runtime.invoke_endpoint(EndpointName="healthy", ContentType="image/png", Body=picture)
    assert json.loads(answer["Body"].read())["predictions"][0]["class"] in ("a", "b", "c")
