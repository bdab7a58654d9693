"""The transform job operations: what is checked before a job is taken on, how jobs are listed. Running is transform_run.py."""

from ..containers.channels import check_prefix
from ..containers.config_files import check_environment
from ..context import Context, Platform
from ..endpoints.fleet import container_of
from ..endpoints.model_data import is_multi_model
from ..endpoints.models_and_configs import MODEL, record_of
from ..errors import Missing, missing_bucket, not_found, unsupported, validation
from ..protocol import pages
from ..protocol.operation import Operation, Reply, Request
from ..s3.uri import split
from . import transform_state
from .data_processing import DataProcessing
from .settings import MOST_MEGABYTES
from .transform_state import KIND, TransformJob


def create_transform_job(platform: Platform, request: Request) -> Reply:
    """CreateTransformJob: checks, records, starts."""
    model = record_of(platform, MODEL, request["ModelName"])["request"]
    if is_multi_model(container_of(model)):
        raise validation(f"Model {request['ModelName']!r} has Mode MultiModel, which a transform job cannot use.")
    _check_input(platform, request, model.get("ExecutionRoleArn", ""))
    bucket, _ = split(request["TransformOutput"]["S3OutputPath"], "S3OutputPath")
    if not platform.objects.has_bucket(bucket):
        raise missing_bucket("TransformOutput.S3OutputPath", bucket)
    _check_payload(request)
    _check_header("TransformInput.ContentType", request["TransformInput"].get("ContentType", ""))
    _check_header("TransformOutput.Accept", request["TransformOutput"].get("Accept", ""))
    check_environment(request.get("Environment", {}), serves=True)
    try:
        DataProcessing.of(request)
    except ValueError as error:
        raise validation(str(error)) from None
    return {"TransformJobArn": platform.transform_jobs.create(request, model)}


def _check_input(context: Context, request: Request, role: str) -> None:
    """Raises ValidationException where the input is not there, or of a kind that is not supported."""
    given = request["TransformInput"]
    source = given["DataSource"]["S3DataSource"]
    for member, value, supported in (
        ("DataSource.S3DataSource.S3DataType", source["S3DataType"], ("S3Prefix", "ManifestFile")),
        ("SplitType", given.get("SplitType", "None"), ("None", "Line")),
    ):
        if value not in supported:
            raise unsupported("CreateTransformJob", f"TransformInput.{member} {value}")
    if source["S3DataType"] == "S3Prefix":
        check_prefix(context.objects, source["S3Uri"], role, context.region)
        return
    bucket, key = split(source["S3Uri"], "S3Uri")
    if not key or not context.objects.has_bucket(bucket) or not context.objects.has(bucket, key):
        raise validation(f"There is no manifest at {source['S3Uri']}, the S3Uri of TransformInput.")


def _check_header(member: str, value: str) -> None:
    """Raises ValidationException for what no header of HTTP may be."""
    if any((letter < " " and letter != "\t") or letter == "\x7f" for letter in value):
        raise validation(f"{member} {value!r} holds a control character; give a media type.")


def _check_payload(request: Request) -> None:
    """Raises ValidationException where requests would be larger than a transform job may send."""
    payload, concurrent = request.get("MaxPayloadInMB"), request.get("MaxConcurrentTransforms")
    if payload is None:
        return
    if payload > MOST_MEGABYTES:
        raise validation(
            f"1 validation error detected: Value '{payload}' at 'maxPayloadInMB' failed to satisfy constraint: Member must have"
            f" value less than or equal to {MOST_MEGABYTES}"
        )
    if concurrent is not None and payload * concurrent > MOST_MEGABYTES:
        raise validation(
            f"MaxConcurrentTransforms {concurrent} times MaxPayloadInMB {payload} is {payload * concurrent}, which must be at"
            f" most {MOST_MEGABYTES}."
        )


def describe_transform_job(context: Context, request: Request) -> Reply:
    """DescribeTransformJob."""
    record = context.store.get(KIND, request["TransformJobName"])
    if record is None:
        raise _missing(request)
    return transform_state.describe(record)


def stop_transform_job(platform: Platform, request: Request) -> Reply:
    """StopTransformJob: the outputs of objects that are done stay. Stopping what is being stopped is no error."""
    try:
        status = platform.transform_jobs.request_stop(request["TransformJobName"])
    except Missing:
        raise _missing(request) from None
    if status not in transform_state.LIVE:
        raise validation(f"The request was rejected because the transform job is in status {status}.")
    return {}


def list_transform_jobs(context: Context, request: Request) -> Reply:
    """ListTransformJobs: newest first unless asked otherwise."""
    found, more = pages.listed(context.store.list(KIND), request, _name)
    return {"TransformJobSummaries": [transform_state.summary(record) for record in found], **more}


def _name(record: TransformJob) -> str:
    return record["request"]["TransformJobName"]


def _missing(request: Request) -> Exception:
    return not_found(f"Could not find requested job with name: {request['TransformJobName']}")


CREATE_MEMBERS = """
TransformJobName ModelName MaxConcurrentTransforms ModelClientConfig MaxPayloadInMB BatchStrategy Environment Tags
TransformInput.DataSource.S3DataSource.S3DataType TransformInput.DataSource.S3DataSource.S3Uri
TransformInput.ContentType TransformInput.CompressionType TransformInput.SplitType
TransformOutput.S3OutputPath TransformOutput.Accept TransformOutput.AssembleWith TransformOutput.KmsKeyId
TransformResources.InstanceType TransformResources.InstanceCount TransformResources.VolumeKmsKeyId
DataProcessing.InputFilter DataProcessing.OutputFilter DataProcessing.JoinSource
"""

OPERATIONS = {
    "CreateTransformJob": Operation(create_transform_job, CREATE_MEMBERS),
    "DescribeTransformJob": Operation(describe_transform_job, "TransformJobName"),
    "StopTransformJob": Operation(stop_transform_job, "TransformJobName"),
    "ListTransformJobs": Operation(
        list_transform_jobs,
        "NextToken MaxResults CreationTimeAfter CreationTimeBefore LastModifiedTimeAfter LastModifiedTimeBefore NameContains"
        " StatusEquals SortBy SortOrder",
    ),
}
