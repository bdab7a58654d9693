"""The training job operations: what is checked before a job is taken on, and how jobs are listed. Running is training_run.py."""

from typing import Any

from ..containers import artifacts, config_files, processing_files
from ..containers.channels import check_channels
from ..context import Context, Platform
from ..errors import Missing, missing_bucket, validation
from ..protocol import pages
from ..protocol.operation import Operation, Reply, Request
from ..s3.uri import split
from . import rule_evaluations, rule_state, training_state
from .metric_scan import compile_definitions
from .training_state import KIND, TrainingJob


def check_request(context: Context, request: Request) -> None:
    """Raises ValidationException for what botocore's shapes do not say. Nothing is created yet."""
    algorithm = request["AlgorithmSpecification"]
    if not algorithm.get("TrainingImage"):
        raise validation("AlgorithmSpecification.TrainingImage is needed.")
    compile_definitions(algorithm)
    for member in ("ResourceConfig", "StoppingCondition"):
        if member not in request:
            raise validation(f"{member} is needed.")
    _check_resources(request["ResourceConfig"])
    _check_stopping(request)
    _check_profiler(request.get("ProfilerConfig", {}))
    config_files.check_local_paths(request)
    config_files.check_environment(request.get("Environment", {}))
    check_channels(context.objects, request, request["RoleArn"], context.region)
    for member, name in (
        ("OutputDataConfig", "S3OutputPath"),
        ("CheckpointConfig", "S3Uri"),
        ("DebugHookConfig", "S3OutputPath"),
        ("TensorBoardOutputConfig", "S3OutputPath"),
        ("ProfilerConfig", "S3OutputPath"),
    ):
        _check_bucket(context, f"{member}.{name}", request.get(member, {}).get(name))
    _check_rules(context, request)


def _check_rules(context: Context, request: Request) -> None:
    rule_state.check(request)
    for member in rule_state.MEMBERS:
        for rule in request.get(member, []):
            _check_bucket(context, f"{member}.S3OutputPath", rule.get("S3OutputPath"))
            processing_files.check_local_path(f"{member}.LocalPath", rule.get("LocalPath") or rule_state.OUTPUT)


def _check_bucket(context: Context, what: str, uri: str | None) -> None:
    if uri:
        bucket, _ = split(uri, what)
        if not context.objects.has_bucket(bucket):
            raise missing_bucket(f"{what} {uri!r}", bucket)


def _check_resources(resources: dict[str, Any]) -> None:
    if groups := resources.get("InstanceGroups"):
        if "InstanceType" in resources or "InstanceCount" in resources:
            raise validation("ResourceConfig takes either InstanceGroups or InstanceType and InstanceCount, not both.")
    elif "InstanceType" not in resources:
        raise validation("ResourceConfig.InstanceType is needed.")
    for count in [group["InstanceCount"] for group in groups or []] or [resources.get("InstanceCount", 1)]:
        if count < 1:
            raise validation("ResourceConfig.InstanceCount has to be at least 1.")


def _check_stopping(request: Request) -> None:
    stopping = request["StoppingCondition"]
    spot, wait = request.get("EnableManagedSpotTraining", False), stopping.get("MaxWaitTimeInSeconds")
    runtime = stopping.get("MaxRuntimeInSeconds", training_state.DEFAULT_MAX_RUNTIME)
    if runtime > 28 * 86400:
        raise validation(f"MaxRuntimeInSeconds {runtime} is more than 28 days.")
    if wait is not None and not spot:
        raise validation("MaxWaitTimeInSeconds can only be set when EnableManagedSpotTraining is true.")
    if spot and wait is None:
        raise validation("MaxWaitTimeInSeconds is needed in StoppingCondition when EnableManagedSpotTraining is true.")
    if spot and wait < runtime:
        raise validation(f"MaxWaitTimeInSeconds {wait} has to be at least MaxRuntimeInSeconds {runtime}.")


def _check_profiler(profiler: dict[str, Any]) -> None:
    interval = profiler.get("ProfilingIntervalInMilliseconds", 500)
    if interval not in (100, 200, 500, 1000, 5000, 60000):
        raise validation(f"ProfilingIntervalInMilliseconds {interval} is not one of 100, 200, 500, 1000, 5000, 60000.")


def create_training_job(platform: Platform, request: Request) -> Reply:
    """CreateTrainingJob: checks, records, starts."""
    check_request(platform, request)
    return {"TrainingJobArn": platform.training_jobs.create(request)}


def describe_training_job(context: Context, request: Request) -> Reply:
    """DescribeTrainingJob."""
    record = _need(context, request["TrainingJobName"])
    described = training_state.describe(record, artifacts.model_uri(record["request"]))
    return described | rule_evaluations.statuses(context, record)


def stop_training_job(platform: Platform, request: Request) -> Reply:
    """StopTrainingJob: SIGTERM now, SIGKILL in 120 s. Stopping what is being stopped is no error."""
    name = request["TrainingJobName"]
    try:
        status = platform.training_jobs.request_stop(name)
    except Missing:
        raise _not_found() from None
    if status in training_state.ENDED:
        raise validation(f"The request was rejected because the training job is in status {status}.")
    return {}


def update_training_job(platform: Platform, request: Request) -> Reply:
    """UpdateTrainingJob: profiler rules for a job that runs, beside those that it has."""
    member, name = "ProfilerRuleConfigurations", request["TrainingJobName"]
    if not (rules := request.get(member)):
        raise validation(f"{member} is needed: it is what can be updated.")

    def change(record: TrainingJob) -> None:
        if record["status"] != "InProgress":
            raise validation(f"The request was rejected because the training job is in status {record['status']}.")
        changed = {**record["request"], member: [*record["request"].get(member, []), *rules]}
        if len(changed[member]) > rule_state.MAX_RULES:
            raise validation(
                f"{member}: a training job can have {rule_state.MAX_RULES}, and this would be {len(changed[member])}."
            )
        _check_rules(platform, changed)
        record["request"] = changed
        record["modified"] = platform.clock()

    try:
        return {"TrainingJobArn": platform.training_jobs.update(name, change)}
    except Missing:
        raise _not_found() from None


def delete_training_job(platform: Platform, request: Request) -> Reply:
    """DeleteTrainingJob: an ended job and what it left on this disk, not what it put in S3."""
    try:
        platform.training_jobs.delete(request["TrainingJobName"])
    except Missing:
        raise _not_found() from None
    return {}


def list_training_jobs(context: Context, request: Request) -> Reply:
    """ListTrainingJobs: newest first unless asked otherwise."""
    found, more = pages.listed(context.store.list(KIND), request, _name)
    return {"TrainingJobSummaries": [_summary(record) for record in found], **more}


def _summary(record: TrainingJob) -> dict[str, Any]:
    return {
        "TrainingJobName": _name(record),
        "TrainingJobArn": record["arn"],
        "CreationTime": record["created"],
        "LastModifiedTime": record["modified"],
        "TrainingJobStatus": record["status"],
        "SecondaryStatus": record["secondary"],
        **({"TrainingEndTime": record["ended"]} if "ended" in record else {}),
    }


def _name(record: TrainingJob) -> str:
    return record["request"]["TrainingJobName"]


def _need(context: Context, name: str) -> TrainingJob:
    record = context.store.get(KIND, name)
    if record is None:
        raise _not_found()
    return record


def _not_found() -> Exception:
    return validation("Requested resource not found.")


CREATE_MEMBERS = """
TrainingJobName HyperParameters RoleArn Environment Tags StoppingCondition.MaxRuntimeInSeconds
StoppingCondition.MaxWaitTimeInSeconds EnableManagedSpotTraining CheckpointConfig RetryStrategy EnableNetworkIsolation
AlgorithmSpecification.TrainingImage AlgorithmSpecification.TrainingInputMode AlgorithmSpecification.MetricDefinitions
AlgorithmSpecification.ContainerEntrypoint AlgorithmSpecification.ContainerArguments
AlgorithmSpecification.EnableSageMakerMetricsTimeSeries EnableInterContainerTrafficEncryption VpcConfig
InputDataConfig.ChannelName InputDataConfig.ContentType InputDataConfig.CompressionType InputDataConfig.RecordWrapperType
InputDataConfig.InputMode InputDataConfig.DataSource.S3DataSource.S3DataType InputDataConfig.DataSource.S3DataSource.S3Uri
InputDataConfig.DataSource.S3DataSource.S3DataDistributionType OutputDataConfig.S3OutputPath OutputDataConfig.CompressionType
OutputDataConfig.KmsKeyId ResourceConfig.VolumeKmsKeyId
ResourceConfig.InstanceType ResourceConfig.InstanceCount ResourceConfig.VolumeSizeInGB ResourceConfig.InstanceGroups
DebugHookConfig TensorBoardOutputConfig ProfilerConfig DebugRuleConfigurations ProfilerRuleConfigurations
"""

OPERATIONS = {
    "CreateTrainingJob": Operation(create_training_job, CREATE_MEMBERS),
    "DescribeTrainingJob": Operation(describe_training_job, "TrainingJobName"),
    "StopTrainingJob": Operation(stop_training_job, "TrainingJobName"),
    "UpdateTrainingJob": Operation(update_training_job, "TrainingJobName ProfilerRuleConfigurations"),
    "DeleteTrainingJob": Operation(delete_training_job, "TrainingJobName"),
    "ListTrainingJobs": Operation(
        list_training_jobs,
        "NextToken MaxResults CreationTimeAfter CreationTimeBefore LastModifiedTimeAfter LastModifiedTimeBefore NameContains"
        " StatusEquals SortBy SortOrder",
    ),
}
