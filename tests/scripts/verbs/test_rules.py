"""Rules as a person sees them, against a real local SageMaker and a tiny evaluator. Also scripts.aws.rule_status.

What the tiny evaluator says is said by the rule's parameters, so a rule here finds what the test wants.
"""

import pytest

from scripts.aws.rule_status import of_processing_job
from tests.support.local_server import LocalServer
from tests.support.person import LOCAL, Kennel, write_pictures

MET = "RuleEvaluationConditionMet"
FOUND = f"Overfit:message={MET}: at step 3:exit=1"
EPOCH = ("--set", "epochs=1")


@pytest.fixture()
def kennel(local: Kennel) -> Kennel:
    if not local.state().get("data"):
        local.run("data", "--folder", str(write_pictures(local.folder / "pictures")), "--data-name", "tiny")
    return local


def test_a_training_shows_what_its_rules_found(kennel: Kennel, server: LocalServer) -> None:
    done = kennel.run("train", "--name", "kennel-ruled", *EPOCH, "--rules", f"{FOUND},ProfilerReport,VanishingGradient:exit=2")
    assert done.stdout.count(f"rule   Overfit                    IssuesFound: {MET}: at step 3") == 2, "at once, and at the end"
    assert done.stdout.count("rule   ProfilerReport             NoIssuesFound") == 1
    assert "rule   VanishingGradient          Error: AlgorithmError: See job logs" in done.stdout
    job = server.sagemaker.describe_training_job(TrainingJobName="kennel-ruled")
    assert [rule["RuleConfigurationName"] for rule in job["ProfilerRuleConfigurations"]] == ["ProfilerReport"]
    status = kennel.run("status").stdout
    assert "rules of kennel-ruled" in status and "IssuesFound" in status
    evaluation = job["DebugRuleEvaluationStatuses"][0]["RuleEvaluationJobArn"].rpartition("/")[2]
    assert "nothing printed yet" in kennel.run("logs", evaluation).stdout
    assert f"{evaluation}: Failed already" in kennel.run("stop", evaluation).stdout


def test_a_rule_that_stops_the_training_is_named(kennel: Kennel) -> None:
    words = ("train", "--name", "kennel-sick", *EPOCH, "--set", "wait=60", "--rules", f"{FOUND}:stop=kennel-sick")
    failed = kennel.run(*words, status=1)
    assert "kennel-sick Stopped: stopped before its end (issues found by Overfit)" in failed.stderr
    assert "rule   Overfit" in failed.stdout


def test_a_stop_is_asked_of_the_rules_over_tensors_alone(kennel: Kennel) -> None:
    words = ("train", "--name", "kennel-x", "--rules", "Overfit,LowGPUUtilization", "--stop-on-issue")
    request = kennel.plan(*words)[0]["request"]
    action = request["DebugRuleConfigurations"][0]["RuleParameters"]["action_json"]
    assert action == '[{"name": "stoptraining", "training_job_prefix": "kennel-x"}]'
    assert "action_json" not in request["ProfilerRuleConfigurations"][0]["RuleParameters"]
    assert "DebugRuleConfigurations" not in kennel.plan("train", "--rules", "none")[0]["request"]
    without = kennel.plan("train", "--no-hooks")[0]["request"]
    assert not {"DebugHookConfig", "ProfilerConfig", "DebugRuleConfigurations", "ProfilerRuleConfigurations"} & set(without)
    assert "need the hooks" in kennel.run("train", "--no-hooks", "--rules", "Overfit", status=2).stderr


def test_without_the_debugger_processing_jobs_evaluate_the_rules(kennel: Kennel, server: LocalServer) -> None:
    kennel.settings(LOCAL + "debugger = false\n")
    for key in ("tensors", "profiles"):
        folder = "debug-output" if key == "tensors" else "profiler-output"
        server.s3.put_object(Bucket="bucket", Key=f"kennel/{key}/kennel-new/{folder}/x", Body=b"1")
    done = kennel.run("train", "--name", "kennel-new", *EPOCH, "--rules", f"{FOUND},ProfilerReport")
    kennel.settings(LOCAL)
    assert "rule   Overfit                    IssuesFound" in done.stdout and "NoIssuesFound" in done.stdout
    job = server.sagemaker.describe_training_job(TrainingJobName="kennel-new")
    assert "DebugRuleConfigurations" not in job and "DebugHookConfig" in job
    own = server.sagemaker.describe_processing_job(ProcessingJobName="kennel-new-rules-overfit")
    assert own["NetworkConfig"]["EnableNetworkIsolation"] and own["Environment"]["rule_to_invoke"] == "Overfit"
    again = kennel.run("rules", "kennel-new", "--rules", "ProfilerReport").stdout
    assert "rule   ProfilerReport             NoIssuesFound" in again and "logs kennel-rules-" in again


def test_what_cannot_be_is_one_line(kennel: Kennel) -> None:
    kennel.run("train", "--name", "kennel-busy", *EPOCH, "--set", "wait=30", "--rules", "none", "--detach")
    assert "kennel-busy: still InProgress" in kennel.run("rules", "kennel-busy", status=2).stderr
    kennel.run("stop", "kennel-busy")
    assert "no training job of this name" in kennel.run("rules", "kennel-none", status=2).stderr
    assert "--rules Overfitt: not known" in kennel.run("train", "--rules", "Overfitt", status=2).stderr
    assert "nothing to look for" in kennel.run("rules", "x", "--rules", "none", status=2).stderr


def test_a_processing_job_is_judged_as_a_rules_evaluator() -> None:
    def status(**found: str) -> str:
        return of_processing_job("R", found).status

    assert status(ProcessingJobStatus="Completed") == "NoIssuesFound"
    assert status(ProcessingJobStatus="Failed", ExitMessage=f"{MET}: x") == "IssuesFound"
    assert status(ProcessingJobStatus="Failed", FailureReason="x") == "Error"
    assert status(ProcessingJobStatus="Stopped") == "Stopped"
    assert of_processing_job("R", {"ProcessingJobStatus": "Failed", "FailureReason": "why"}).details == "why"
