"""The processing job operations: what is checked before a job is taken on, how jobs are listed. Running is processing_run.py."""

from ..containers import processing_files
from ..containers.channels import check_prefix
from ..containers.config_files import check_environment
from ..context import Context, Platform
from ..errors import Missing, missing_bucket, not_found, unsupported, validation
from ..protocol import pages
from ..protocol.operation import Operation, Reply, Request
from ..s3.uri import split
from . import processing_state
from .processing_state import KIND, ProcessingJob


def create_processing_job(platform: Platform, request: Request) -> Reply:
    """CreateProcessingJob: checks, records, starts."""
    _check(platform, request)
    return {"ProcessingJobArn": platform.processing_jobs.create(request)}


def _check(context: Context, request: Request) -> None:
    """Raises ValidationException for what botocore's shapes do not say. Nothing is created yet."""
    cluster = request["ProcessingResources"]["ClusterConfig"]
    if "InstanceType" not in cluster:
        raise validation("ProcessingResources.ClusterConfig.InstanceType is needed.")
    if cluster.get("InstanceCount", 1) != 1:
        raise unsupported("CreateProcessingJob", f"ClusterConfig.InstanceCount {cluster['InstanceCount']}")
    check_environment(request.get("Environment", {}))
    _check_inputs(context, request)
    names = [one["OutputName"] for one in request.get("ProcessingOutputConfig", {}).get("Outputs", [])]
    _check_unique("OutputName", names)
    for one in request.get("ProcessingOutputConfig", {}).get("Outputs", []):
        what = f"ProcessingOutputConfig output {one['OutputName']!r}"
        output = one.get("S3Output") or {}
        if "LocalPath" not in output:
            raise validation(f"{what} needs S3Output with LocalPath.")
        processing_files.check_local_path(f"{what}: LocalPath", output["LocalPath"])
        bucket, _ = split(output["S3Uri"], "S3Uri")
        if not context.objects.has_bucket(bucket):
            raise missing_bucket(what, bucket)


def _check_inputs(context: Context, request: Request) -> None:
    _check_unique("InputName", [one["InputName"] for one in request.get("ProcessingInputs", [])])
    for one in request.get("ProcessingInputs", []):
        what = f"ProcessingInputs input {one['InputName']!r}"
        source = one.get("S3Input") or {}
        if "LocalPath" not in source:
            raise validation(f"{what} needs S3Input with LocalPath.")
        for member, only in (("S3DataType", "S3Prefix"), ("S3InputMode", "File"), ("S3CompressionType", "None")):
            if source.get(member, only) != only:
                raise unsupported("CreateProcessingJob", f"{what}: {member} {source[member]}")
        processing_files.check_local_path(f"{what}: LocalPath", source["LocalPath"])
        check_prefix(context.objects, source["S3Uri"], request["RoleArn"], context.region)


def _check_unique(member: str, names: list[str]) -> None:
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise validation(f"{member} must be unique, but {twice[0]!r} is given more than once.")


def describe_processing_job(context: Context, request: Request) -> Reply:
    """DescribeProcessingJob."""
    record = context.store.get(KIND, request["ProcessingJobName"])
    if record is None:
        raise _missing(request)
    return processing_state.describe(record)


def stop_processing_job(platform: Platform, request: Request) -> Reply:
    """StopProcessingJob: SIGTERM now, SIGKILL in 120 s. Stopping what is being stopped is no error."""
    try:
        status = platform.processing_jobs.request_stop(request["ProcessingJobName"])
    except Missing:
        raise _missing(request) from None
    if status not in processing_state.LIVE:
        raise validation(f"The request was rejected because the processing job is in status {status}.")
    return {}


def delete_processing_job(platform: Platform, request: Request) -> Reply:
    """DeleteProcessingJob: an ended job and what it left on this disk, not what it put in S3."""
    try:
        platform.processing_jobs.delete(request["ProcessingJobName"])
    except Missing:
        raise _missing(request) from None
    return {}


def list_processing_jobs(context: Context, request: Request) -> Reply:
    """ListProcessingJobs: newest first unless asked otherwise."""
    found, more = pages.listed(context.store.list(KIND), request, _name)
    return {"ProcessingJobSummaries": [processing_state.summary(record) for record in found], **more}


def _name(record: ProcessingJob) -> str:
    return record["request"]["ProcessingJobName"]


def _missing(request: Request) -> Exception:
    return not_found(f"Could not find requested job with name: {request['ProcessingJobName']}")


CREATE_MEMBERS = """
ProcessingJobName ProcessingResources.ClusterConfig.InstanceCount ProcessingResources.ClusterConfig.InstanceType
ProcessingResources.ClusterConfig.VolumeSizeInGB StoppingCondition AppSpecification Environment RoleArn Tags
NetworkConfig.EnableNetworkIsolation ProcessingInputs.InputName ProcessingInputs.S3Input.S3Uri
ProcessingInputs.S3Input.LocalPath ProcessingInputs.S3Input.S3DataType ProcessingInputs.S3Input.S3InputMode
ProcessingInputs.S3Input.S3DataDistributionType ProcessingInputs.S3Input.S3CompressionType
ProcessingOutputConfig.Outputs.OutputName ProcessingOutputConfig.Outputs.S3Output
"""

OPERATIONS = {
    "CreateProcessingJob": Operation(create_processing_job, CREATE_MEMBERS),
    "DescribeProcessingJob": Operation(describe_processing_job, "ProcessingJobName"),
    "StopProcessingJob": Operation(stop_processing_job, "ProcessingJobName"),
    "DeleteProcessingJob": Operation(delete_processing_job, "ProcessingJobName"),
    "ListProcessingJobs": Operation(
        list_processing_jobs,
        "NextToken MaxResults CreationTimeAfter CreationTimeBefore LastModifiedTimeAfter LastModifiedTimeBefore NameContains"
        " StatusEquals SortBy SortOrder",
    ),
}
