"""What the key of a container may do with objects: read what its job is given, and write where its outputs go."""

from collections.abc import Iterator
from typing import Any

from ..caller import Permissions
from ..context import Context
from ..protocol.authorization import denied
from .object_operations import source_of

_READS = {"GetObject": "GetObject", "HeadObject": "GetObject", "GetObjectTagging": "GetObjectTagging"}
_WRITES = {
    "PutObject": "PutObject",
    "CopyObject": "PutObject",
    "DeleteObject": "DeleteObject",
    "PutObjectTagging": "PutObjectTagging",
    "DeleteObjectTagging": "DeleteObjectTagging",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "UploadPartCopy": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "AbortMultipartUpload": "AbortMultipartUpload",
    "ListParts": "ListMultipartUploadParts",
}
_LISTS = ("ListObjects", "ListObjectsV2")
_BUCKETS = {"HeadBucket": "ListBucket", "GetBucketLocation": "GetBucketLocation"}
"""Operations of S3, with the actions that policies call them by. Those that are in none of these are the owner's alone."""


def check(context: Context, name: str, request: dict[str, Any]) -> None:
    """Raises AccessDenied unless the caller may do a checked request of S3."""
    permissions = context.caller.permissions
    for action, place, allowed in _needs(permissions, name, request) if permissions is not None else ():
        if not allowed:
            raise denied(context, f"s3:{action}", f"arn:aws:s3:::{place}")


def _needs(permissions: Permissions, name: str, request: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
    """(action, `bucket/key` or bucket, whether that is allowed) of all that a request does."""
    bucket = request.get("Bucket", "*")
    place = f"{bucket}/{request.get('Key', '')}"
    if name in _READS:
        yield _READS[name], place, permissions.may_read(place)
    elif name in _WRITES:
        yield _WRITES[name], place, permissions.may_write(place)
        if "CopySource" in request:
            source = "/".join(source_of(request))
            yield "GetObject", source, permissions.may_read(source)
    elif name == "DeleteObjects":
        for one in request["Delete"]["Objects"]:
            yield "DeleteObject", f"{bucket}/{one['Key']}", permissions.may_write(f"{bucket}/{one['Key']}")
    elif name in _LISTS:
        yield "ListBucket", bucket, permissions.may_list(f"{bucket}/{request.get('Prefix', '')}")
    elif name in _BUCKETS:
        yield _BUCKETS[name], bucket, permissions.knows_bucket(bucket)
    else:
        yield name, bucket, False
