"""What a rule configuration of a training job comes to: the processing job that evaluates it, and the status of that job as a
rule's. Pure; no I/O. What a rule is, the evaluator named in the request knows.

AWS does not document how an evaluator says what it found. Here it is this, and nothing else looks at it:

    its exit message (/opt/ml/output/message) begins with RuleEvaluationConditionMet   IssuesFound
    else exit code 0                                                                   NoIssuesFound
    else it was stopped                                                                Stopped
    else (another exit code, it could not be started)                                  Error

StatusDetails is the exit message, or the processing job's FailureReason where it left none.

What the hook or the profiler of the training job writes to S3 comes to a folder of the evaluator while it runs. It gets
RuleParameters as its environment, `base_trial` (unless a parameter has that name) with that folder, TRAINING_JOB_NAME and
TRAINING_JOB_ARN, and a key that may stop that job. What it writes to LocalPath goes to
<S3OutputPath>/<training job>/rule-output/<RuleConfigurationName>.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..containers.config_files import check_environment
from ..errors import validation
from ..s3.uri import join
from .processing_state import ProcessingJob
from .training_state import TrainingJob

CONDITION_MET = "RuleEvaluationConditionMet"
MAX_RULES = 20
"""Rules of one kind that a training job can have; botocore's shapes know it of one request."""
GRACE = 600.0
"""Seconds that an evaluator may go on after the end of its training job; then it is stopped."""
OUTPUT = "/opt/ml/processing/output/rule"
"""Where an evaluator writes, unless LocalPath says otherwise."""
INSTANCE = {"InstanceType": "ml.t3.medium", "VolumeSizeInGB": 30}
"""What evaluates a rule that asks for nothing."""
MEMBERS = {
    "DebugRuleConfigurations": ("DebugHookConfig", "debug-output", "tensors"),
    "ProfilerRuleConfigurations": ("ProfilerConfig", "profiler-output", "profiler"),
}
"""Each list of rules, the config of the job that has what they look at, where that config's output lies in S3, and in the
evaluator's folder of inputs."""
_VARIABLE = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def check(request: Mapping[str, Any]) -> None:
    """Raises ValidationException for what botocore's shapes do not say of the rules in a request."""
    for member, (config, _, _) in MEMBERS.items():
        names = [rule["RuleConfigurationName"] for rule in request.get(member, [])]
        if names and (not request.get(config, {}).get("S3OutputPath") or request[config].get("DisableProfiler")):
            raise validation(f"{member} needs a {config} with an S3OutputPath: it is what the rules look at.")
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise validation(f"RuleConfigurationName must be unique, but {twice[0]!r} is given more than once in {member}.")
        for rule in request.get(member, []):
            _check_rule(member, rule)


def _check_rule(member: str, rule: Mapping[str, Any]) -> None:
    name = rule["RuleConfigurationName"]
    if not rule["RuleEvaluatorImage"]:
        raise validation(f"{member}: RuleEvaluatorImage of {name!r} is empty.")
    if "/" in name or name in (".", ".."):
        raise validation(f"{member}: RuleConfigurationName {name!r} is part of an S3 key and cannot have a slash or be dots.")
    if wrong := [key for key in rule.get("RuleParameters", {}) if not _VARIABLE.fullmatch(key)]:
        raise validation(f"{member}: RuleParameters of {name!r}: {wrong[0]!r} cannot be the name of an environment variable.")
    check_environment(rule.get("RuleParameters", {}))


def requests(record: TrainingJob) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(member, RuleConfigurationName, CreateProcessingJob request) of each rule of a training job's record."""
    request = record["request"]
    job = request["TrainingJobName"]
    for member, (config, folder, given) in MEMBERS.items():
        for rule in request.get(member, []):
            name = rule["RuleConfigurationName"]
            place = request[config]["S3OutputPath"]
            source = {
                "S3Uri": join(place, job, folder),
                "LocalPath": f"/opt/ml/processing/input/{given}",
                "S3DataType": "S3Prefix",
                "S3InputMode": "File",
            }
            environment = {"base_trial": source["LocalPath"], **rule.get("RuleParameters", {})}
            environment |= {"TRAINING_JOB_NAME": job, "TRAINING_JOB_ARN": record["arn"]}
            output = {
                "S3Uri": join(rule.get("S3OutputPath") or place, job, "rule-output", name),
                "LocalPath": rule.get("LocalPath") or OUTPUT,
                "S3UploadMode": "Continuous",
            }
            cluster = {"InstanceCount": 1, "InstanceType": rule.get("InstanceType") or INSTANCE["InstanceType"]}
            cluster["VolumeSizeInGB"] = rule.get("VolumeSizeInGB") or INSTANCE["VolumeSizeInGB"]
            yield (
                member,
                name,
                {
                    "ProcessingJobName": _job_name(record, member, name),
                    "ProcessingResources": {"ClusterConfig": cluster},
                    "AppSpecification": {"ImageUri": rule["RuleEvaluatorImage"]},
                    "Environment": environment,
                    "ProcessingInputs": [{"InputName": given, "S3Input": source}],
                    "ProcessingOutputConfig": {"Outputs": [{"OutputName": "rule", "S3Output": output}]},
                    "RoleArn": request["RoleArn"],
                },
            )


def _job_name(record: TrainingJob, member: str, rule: str) -> str:
    """The evaluation job's name, always the same for one rule of one training job: the two names, cut, and a hash."""
    whole = f"{record['arn']} {record['created']} {member} {rule}"
    parts = [re.sub("[^a-zA-Z0-9]+", "-", text)[:26].strip("-") for text in (record["request"]["TrainingJobName"], rule.lower())]
    return "-".join([*filter(None, parts), hashlib.sha256(whole.encode()).hexdigest()[:8]])


def status(name: str, job: ProcessingJob | None, training: TrainingJob) -> dict[str, Any]:
    """A member of DebugRuleEvaluationStatuses. `job`: the record of its processing job, where there is one."""
    if job is None:
        ended = "ended" in training
        details = "The training job ended before the rule was evaluated." if ended else "The training has not begun."
        state = {"RuleEvaluationStatus": "Stopped" if ended else "InProgress", "StatusDetails": details}
        return {"RuleConfigurationName": name, **state, "LastModifiedTime": training["modified"]}
    message = job.get("message") or ""
    details = " ".join((message or job.get("failure") or "").split())
    found = {"InProgress": "InProgress", "Stopping": "Stopping", "Stopped": "Stopped", "Completed": "NoIssuesFound"}
    status = "IssuesFound" if message.startswith(CONDITION_MET) else found.get(job["status"], "Error")
    return {
        "RuleConfigurationName": name,
        "RuleEvaluationJobArn": job["arn"],
        "RuleEvaluationStatus": status,
        **({"StatusDetails": details} if details else {}),
        "LastModifiedTime": job["modified"],
    }


def overdue(training: TrainingJob | None, now: float) -> bool:
    """Whether an evaluator of this training job (None: it was deleted) should have ended by now."""
    return training is None or now - training.get("ended", now) > GRACE
