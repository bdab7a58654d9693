"""The rules of a training job: one evaluator each, its status, its output. Also local_sagemaker.jobs.rule_state.

The evaluator is a tiny program that knows no rule: what it says is said by RuleParameters.
"""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_sagemaker.jobs import rule_state
from tests.support.local_server import (
    PROCESSING_IMAGE,
    ROLE,
    LocalServer,
    job_request,
    log_lines,
    wait_for_job,
    wait_for_processing,
    wait_until,
)

HOOK = {"DebugHookConfig": {"S3OutputPath": "s3://bucket/tensors"}}
PROFILER = {"ProfilerConfig": {"S3OutputPath": "s3://bucket/profile"}}
MET = "RuleEvaluationConditionMet: Evaluation of the rule Test at step 3 resulted in the condition being met"


def rule(name: str, **parameters: str) -> dict[str, Any]:
    return {"RuleConfigurationName": name, "RuleEvaluatorImage": PROCESSING_IMAGE, "RuleParameters": parameters}


def start(server: LocalServer, name: str, *rules: dict[str, Any], wait: str = "0", **change: Any) -> None:
    request = job_request(name, HyperParameters={"wait": wait}, DebugRuleConfigurations=list(rules), **HOOK, **change)
    server.sagemaker.create_training_job(**request)


def statuses(server: LocalServer, name: str, kind: str = "Debug") -> dict[str, dict[str, Any]]:
    job = server.sagemaker.describe_training_job(TrainingJobName=name)
    return {one["RuleConfigurationName"]: one for one in job[f"{kind}RuleEvaluationStatuses"]}


def settled(server: LocalServer, name: str, kind: str = "Debug") -> dict[str, dict[str, Any]]:
    """The statuses once no evaluator runs."""
    live = ("InProgress", "Stopping")
    wait_until(lambda: all(one["RuleEvaluationStatus"] not in live for one in statuses(server, name, kind).values()), 30)
    return statuses(server, name, kind)


def test_each_way_an_evaluation_ends_is_a_status(server: LocalServer) -> None:
    start(
        server,
        "ways",
        rule("none", wait="end"),
        rule("found", message=MET, exit="1"),
        rule("broken", message="ClientError: threshold: 'x' is no number.", exit="2"),
        rule("crashed", exit="9"),
        {"RuleConfigurationName": "absent", "RuleEvaluatorImage": "nobody-has-this:1"},
        wait="1",
    )
    wait_for_job(server, "ways")
    found = settled(server, "ways")
    assert {name: one["RuleEvaluationStatus"] for name, one in found.items()} == {
        "none": "NoIssuesFound",
        "found": "IssuesFound",
        "broken": "Error",
        "crashed": "Error",
        "absent": "Error",
    }
    assert "StatusDetails" not in found["none"] and found["found"]["StatusDetails"] == MET
    assert found["broken"]["StatusDetails"] == "ClientError: threshold: 'x' is no number."
    assert found["crashed"]["StatusDetails"] == "AlgorithmError: See job logs for more information, exit code: 9"
    assert "nobody-has-this:1" in found["absent"]["StatusDetails"]
    job = server.sagemaker.describe_training_job(TrainingJobName="ways")
    assert len(job["DebugRuleConfigurations"]) == 5 and "ProfilerRuleEvaluationStatuses" not in job


def test_an_evaluation_is_a_processing_job_of_its_training_job(server: LocalServer) -> None:
    write = json.dumps({"processing/output/rule/a.json": "A"})
    start(server, "owner", rule("Vanishing Gradient", write=write, say="looking"))
    one = settled(server, "owner")["Vanishing Gradient"]
    name = one["RuleEvaluationJobArn"].rpartition("/")[2]
    assert name.startswith("owner-vanishing-gradient-")
    job = wait_for_processing(server, name)
    training = server.sagemaker.describe_training_job(TrainingJobName="owner")
    assert job["TrainingJobArn"] == training["TrainingJobArn"] and job["RoleArn"] == ROLE
    assert (
        job["Environment"]["base_trial"]
        == "/opt/ml/processing/input/tensors"
        == job["ProcessingInputs"][0]["S3Input"]["LocalPath"]
    )
    assert job["ProcessingInputs"][0]["S3Input"]["S3Uri"] == "s3://bucket/tensors/owner/debug-output"
    assert job["Environment"]["TRAINING_JOB_NAME"] == "owner"
    body = server.s3.get_object(Bucket="bucket", Key="tensors/owner/rule-output/Vanishing Gradient/a.json")["Body"].read()
    assert body == b"A" and log_lines(server, name, kind="ProcessingJobs") == ["looking"]


def test_a_profiler_rule_looks_at_the_profile(server: LocalServer) -> None:
    own = {"S3OutputPath": "s3://bucket/elsewhere", "LocalPath": "/opt/ml/processing/output/mine"}
    write = json.dumps({"processing/output/mine/report.html": "R"})
    rules = [{**rule("Report", write=write), **own}]
    server.sagemaker.create_training_job(**job_request("profiled", ProfilerRuleConfigurations=rules, **PROFILER))
    wait_for_job(server, "profiled")
    one = settled(server, "profiled", "Profiler")["Report"]
    job = server.sagemaker.describe_processing_job(ProcessingJobName=one["RuleEvaluationJobArn"].rpartition("/")[2])
    assert job["ProcessingInputs"][0]["S3Input"]["S3Uri"] == "s3://bucket/profile/profiled/profiler-output"
    assert server.s3.head_object(Bucket="bucket", Key="elsewhere/profiled/rule-output/Report/report.html")
    assert server.s3.head_object(Bucket="bucket", Key="profile/profiled/profiler-output/system/training_job_end.ts")


def test_a_rule_is_added_while_the_job_runs(server: LocalServer) -> None:
    hyper = {"HyperParameters": {"wait": "20"}}
    server.sagemaker.create_training_job(**job_request("grows", ProfilerRuleConfigurations=[rule("first")], **hyper, **PROFILER))

    def update(name: str, *rules: dict[str, Any]) -> str:
        return server.sagemaker.update_training_job(TrainingJobName=name, ProfilerRuleConfigurations=list(rules))[
            "TrainingJobArn"
        ]

    wait_until(lambda: server.sagemaker.describe_training_job(TrainingJobName="grows")["SecondaryStatus"] == "Training", 20)
    assert update("grows", rule("second", message=MET, exit="1")).endswith(":training-job/grows")
    found = settled(server, "grows", "Profiler")
    assert [found[name]["RuleEvaluationStatus"] for name in ("first", "second")] == ["NoIssuesFound", "IssuesFound"]
    with pytest.raises(ClientError, match="'second' is given more than once"):
        update("grows", rule("second"))
    with pytest.raises(ClientError, match="a training job can have 20, and this would be 22"):
        update("grows", *(rule(f"r{number}") for number in range(20)))
    assert server.sagemaker.describe_training_job(TrainingJobName="grows")["TrainingJobStatus"] == "InProgress"
    server.sagemaker.stop_training_job(TrainingJobName="grows")
    wait_for_job(server, "grows")
    with pytest.raises(ClientError, match="the training job is in status Stopped"):
        update("grows", rule("third"))
    with pytest.raises(ClientError, match="Requested resource not found"):
        update("nobody", rule("third"))
    with pytest.raises(ClientError, match="ProfilerConfig"):
        server.sagemaker.update_training_job(TrainingJobName="grows", ProfilerConfig={"DisableProfiler": True})


def test_an_evaluator_stops_its_training_job(server: LocalServer) -> None:
    start(server, "stopped-by-rule", rule("stopper", stop="stopped-by-rule", message=MET, exit="1"), wait="60")
    job = wait_for_job(server, "stopped-by-rule")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert settled(server, "stopped-by-rule")["stopper"]["RuleEvaluationStatus"] == "IssuesFound"


def test_an_evaluation_can_be_stopped_and_the_training_does_not_wait(server: LocalServer) -> None:
    start(server, "alone", rule("slow", wait="60"))
    assert wait_for_job(server, "alone")["TrainingJobStatus"] == "Completed"
    one = statuses(server, "alone")["slow"]
    assert one["RuleEvaluationStatus"] == "InProgress"
    server.sagemaker.stop_processing_job(ProcessingJobName=one["RuleEvaluationJobArn"].rpartition("/")[2])
    assert settled(server, "alone")["slow"]["RuleEvaluationStatus"] == "Stopped"


def test_a_training_that_never_begins_starts_no_evaluator(server: LocalServer) -> None:
    algorithm = {"TrainingImage": "nobody-has-this:1", "TrainingInputMode": "File"}
    start(server, "unborn", rule("idle"), AlgorithmSpecification=algorithm)
    assert wait_for_job(server, "unborn")["TrainingJobStatus"] == "Failed"
    one = statuses(server, "unborn")["idle"]
    assert one["RuleEvaluationStatus"] == "Stopped" and "RuleEvaluationJobArn" not in one
    assert not server.sagemaker.list_processing_jobs(NameContains="unborn")["ProcessingJobSummaries"]


def test_evaluators_yield_to_the_training(server: LocalServer) -> None:
    start(server, "polite", {**rule("nice", copy="yes"), "LocalPath": "/opt/ml/processing/output/copy"})
    settled(server, "polite")
    body = server.s3.get_object(Bucket="bucket", Key="tensors/polite/rule-output/nice/about.json")["Body"].read()
    assert json.loads(body)["nice"] == 5


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"DebugRuleConfigurations": [rule("a"), rule("a")], **HOOK}, "'a' is given more than once in DebugRuleConfigurations"),
        ({"DebugRuleConfigurations": [rule("a")]}, "needs a DebugHookConfig with an S3OutputPath"),
        ({"ProfilerRuleConfigurations": [rule("a")], "ProfilerConfig": {"DisableProfiler": True}}, "needs a ProfilerConfig"),
        ({"DebugRuleConfigurations": [rule("a/b")], **HOOK}, "cannot have a slash"),
        ({"DebugRuleConfigurations": [rule("a", **{"x=y": "1"})], **HOOK}, "cannot be the name of an environment variable"),
        ({"DebugRuleConfigurations": [rule("a", SAGEMAKER_BASE_DIR="/")], **HOOK}, "SAGEMAKER_BASE_DIR is set by SageMaker"),
        ({"DebugRuleConfigurations": [{**rule("a"), "LocalPath": "/etc"}], **HOOK}, "has to begin with /opt/ml/processing/"),
        ({"DebugRuleConfigurations": [{**rule("a"), "S3OutputPath": "s3://nowhere/x"}], **HOOK}, "'nowhere' does not exist"),
        ({"DebugRuleConfigurations": [rule(f"r{n}") for n in range(21)], **HOOK}, "less than or equal to 20"),
        ({"DebugRuleConfigurations": [{**rule("a"), "RuleEvaluatorImage": ""}], **HOOK}, "RuleEvaluatorImage of 'a' is empty"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_starts(server: LocalServer, change: dict[str, Any], words: str) -> None:
    with pytest.raises(ClientError, match=words):
        server.sagemaker.create_training_job(**job_request("refused", **change))
    with pytest.raises(ClientError, match="Requested resource not found"):
        server.sagemaker.describe_training_job(TrainingJobName="refused")


def test_an_evaluator_that_outlives_its_job_is_overdue() -> None:
    ended = {"ended": 1000.0}
    assert not rule_state.overdue({}, 9e9) and not rule_state.overdue(ended, 1000.0 + rule_state.GRACE)
    assert rule_state.overdue(ended, 1001.0 + rule_state.GRACE) and rule_state.overdue(None, 0.0)


def test_the_name_of_an_evaluation_is_always_the_same_and_always_a_name() -> None:
    request = {"TrainingJobName": "a" * 63, "RoleArn": ROLE, **HOOK, "DebugRuleConfigurations": [rule("é/ü" * 50), rule("--")]}
    record = {"request": request, "arn": "arn:x", "created": 1.0}
    names = [made["ProcessingJobName"] for _, _, made in rule_state.requests(record)]
    assert names == [made["ProcessingJobName"] for _, _, made in rule_state.requests(record)]
    assert all(len(name) <= 63 and not name.startswith("-") and "--" not in name for name in names) and len(set(names)) == 2
    again = [made["ProcessingJobName"] for _, _, made in rule_state.requests({**record, "created": 2.0})]
    assert not set(names) & set(again), "a job of the same name, later, has evaluations of its own"
