"""S3's operations on objects: put, get, head, delete, copy and tags. Bodies arrive as Incoming and leave as FilePart."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, unquote

from ..context import Context
from ..errors import AwsError
from ..protocol.operation import Operation
from ..protocol.wire_rest import FilePart
from ..storage.object_info import About, ObjectInfo
from .buckets import check_owner
from .conditions import byte_range, check_read, check_write

HEADERS = ("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType", "Expires")
CHECKSUMS = "ChecksumCRC32 ChecksumCRC32C ChecksumCRC64NVME ChecksumSHA1 ChecksumSHA256 ChecksumSHA512"
ENCRYPTION = ("ServerSideEncryption", "SSEKMSKeyId")
"""Members that are kept and given back. Nothing is encrypted: objects are files of their owner, on the owner's own disk."""
DESCRIPTION = f"{' '.join((*HEADERS, *ENCRYPTION))} Metadata StorageClass ACL Tagging"
READ = "Bucket Key Range PartNumber ChecksumMode ExpectedBucketOwner IfMatch IfNoneMatch IfModifiedSince IfUnmodifiedSince"
METADATA_BYTES = 2048


def put_object(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Stores the body that was received."""
    body = request["Body"]
    about = replace(about_of(request), checksums=body.checksums)
    key = request["Key"]
    info = context.objects.commit(
        request["Bucket"], key, body.writer, body.writer.md5, about, lambda old: check_write(request, key, old)
    )
    return {"ETag": f'"{info.etag}"', **encryption_members(info.about), **checksum_members(info.about)}


def get_object(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """The object, or a range or part of it."""
    check_owner(context, request)
    info, file = context.objects.open(request["Bucket"], request["Key"])
    try:
        reply = _read(request, info)
        offset, length, _ = byte_range(request, info)
    except BaseException:
        file.close()
        raise
    return reply | {"Body": FilePart(file, offset, length)}


def head_object(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """What a get would say, without the bytes."""
    check_owner(context, request)
    return _read(request, context.objects.head(request["Bucket"], request["Key"]))


def delete_object(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Removes the object; to remove what is not there is no error."""
    check_owner(context, request)
    key = request["Key"]
    context.objects.delete(request["Bucket"], key, lambda old: check_write(request, key, old))
    return {}


def delete_objects(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Removes up to 1,000 objects, and says of each how it went."""
    check_owner(context, request)
    wanted = request["Delete"]["Objects"]
    if not 1 <= len(wanted) <= 1000:
        raise AwsError("MalformedXML", "DeleteObjects takes 1 to 1,000 objects.")
    context.objects.need_bucket(request["Bucket"])
    deleted, errors = [], []
    for one in wanted:
        try:
            condition = {"IfMatch": one["ETag"]} if one.get("ETag") else {}
            context.objects.delete(request["Bucket"], one["Key"], partial(check_write, condition, one["Key"]))
            deleted.append({"Key": one["Key"]})
        except AwsError as error:
            errors.append({"Key": one["Key"], "Code": error.code, "Message": error.message})
    return {"Deleted": [] if request["Delete"].get("Quiet") else deleted, "Errors": errors}


def copy_object(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Stores the bytes of another object, with its description or a new one."""
    check_owner(context, request)
    source = context.objects.head(*source_of(request))
    check_read(request, source, "CopySource")
    fresh = about_of(request)
    replaces = request.get("MetadataDirective", "COPY") == "REPLACE"
    bucket, key = request["Bucket"], request["Key"]
    if (bucket, key) == (source.bucket, source.key) and not replaces and not encryption_members(fresh):
        message = "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes."  # noqa: E501
        raise AwsError("InvalidRequest", message)
    tags = fresh.tags if request.get("TaggingDirective") == "REPLACE" else source.about.tags
    about = replace(source.about, headers=fresh.headers, metadata=fresh.metadata) if replaces else source.about
    headers = {name: value for name, value in about.headers.items() if name not in ENCRYPTION} | encryption_members(fresh)
    about = replace(about, headers=headers, tags=tags, part_sizes=())
    if about.checksum_type == "COMPOSITE":
        about = replace(about, checksums={}, checksum_type="FULL_OBJECT")
    info = context.objects.copy(source, bucket, key, about)
    result = {"ETag": f'"{info.etag}"', "LastModified": info.modified, **checksum_members(info.about)}
    return {"CopyObjectResult": result, **encryption_members(info.about)}


def get_object_tagging(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """The object's tags."""
    check_owner(context, request)
    about = context.objects.head(request["Bucket"], request["Key"]).about
    return {"TagSet": [{"Key": key, "Value": value} for key, value in about.tags.items()]}


def put_object_tagging(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Replaces the object's tags."""
    check_owner(context, request)
    tags = {tag["Key"]: tag["Value"] for tag in request["Tagging"]["TagSet"]}
    context.objects.describe(request["Bucket"], request["Key"], lambda about: replace(about, tags=_few(tags)))
    return {}


def delete_object_tagging(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Removes the object's tags."""
    check_owner(context, request)
    context.objects.describe(request["Bucket"], request["Key"], lambda about: replace(about, tags={}))
    return {}


def about_of(request: Mapping[str, Any]) -> About:
    """What a put, copy or upload says of the object. Raises for what this server cannot keep."""
    if request.get("StorageClass", "STANDARD") != "STANDARD":
        raise AwsError("InvalidStorageClass", "StorageClass: only STANDARD is supported by the local SageMaker.")
    if request.get("ACL", "private") not in ("private", "bucket-owner-full-control"):
        raise AwsError("NotImplemented", "ACL: only private is supported by the local SageMaker.", 501)
    if request.get("ServerSideEncryption", "AES256") not in ("AES256", "aws:kms"):
        raise AwsError("NotImplemented", "ServerSideEncryption: only AES256 and aws:kms are taken by the local SageMaker.", 501)
    if "SSEKMSKeyId" in request and request.get("ServerSideEncryption") != "aws:kms":
        message = "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms"
        raise AwsError("InvalidArgument", message)
    headers = {name: str(request[name]) for name in (*HEADERS, *ENCRYPTION) if request.get(name) is not None}
    if encoding := headers.pop("ContentEncoding", None):
        kept = ",".join(part.strip() for part in encoding.split(",") if part.strip() != "aws-chunked")
        headers |= {"ContentEncoding": kept} if kept else {}
    metadata = dict(request.get("Metadata", {}))
    if sum(len(name.encode()) + len(value.encode(errors="replace")) for name, value in metadata.items()) > METADATA_BYTES:
        raise AwsError("MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size.")
    tags = dict(parse_qsl(request.get("Tagging", ""), keep_blank_values=True))
    return About(headers=headers, metadata=metadata, tags=_few(tags))


def source_of(request: Mapping[str, Any]) -> tuple[str, str]:
    """Bucket and key of a CopySource."""
    path, _, version = request["CopySource"].partition("?versionId=")
    bucket, _, key = unquote(path).removeprefix("/").partition("/")
    if not bucket or not key:
        raise AwsError("InvalidArgument", "Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
    if version not in ("", "null"):
        raise AwsError("NotImplemented", "CopySource: versions are not supported by the local SageMaker.", 501)
    return bucket, key


def encryption_members(about: About) -> dict[str, str]:
    """The encryption that was asked for, as members of an answer."""
    return {name: about.headers[name] for name in ENCRYPTION if name in about.headers}


def checksum_members(about: About) -> dict[str, str]:
    """The checksums as members of an answer."""
    members = {f"Checksum{name}": value for name, value in about.checksums.items()}
    return members | {"ChecksumType": about.checksum_type} if members else {}


def _read(request: Mapping[str, Any], info: ObjectInfo) -> dict[str, Any]:
    check_read(request, info)
    offset, length, partial = byte_range(request, info)
    reply: dict[str, Any] = {
        "AcceptRanges": "bytes",
        "LastModified": info.modified,
        "ContentLength": length,
        "ETag": f'"{info.etag}"',
        "ContentType": "binary/octet-stream",
        "Metadata": dict(info.about.metadata),
        **_headers(request, info),
    }
    if info.about.tags:
        reply["TagCount"] = len(info.about.tags)
    if request.get("PartNumber") is not None and info.about.part_sizes:
        reply["PartsCount"] = len(info.about.part_sizes)
    if partial:
        reply["ContentRange"] = f"bytes {offset}-{offset + length - 1}/{info.size}"
    elif request.get("ChecksumMode") == "ENABLED":
        reply |= checksum_members(info.about)
    return reply


def _headers(request: Mapping[str, Any], info: ObjectInfo) -> dict[str, str]:
    asked = {name: request[f"Response{name}"] for name in HEADERS if request.get(f"Response{name}") is not None}
    return dict(info.about.headers) | asked


def _few(tags: dict[str, str]) -> dict[str, str]:
    if len(tags) > 10:
        raise AwsError("BadRequest", "Object tags cannot be greater than 10")
    return tags


_RESPONSES = " ".join(f"Response{name}" for name in HEADERS)
_CONDITIONS = "CopySourceIfMatch CopySourceIfNoneMatch CopySourceIfModifiedSince CopySourceIfUnmodifiedSince"
_BODY = f"Body ContentLength ContentMD5 ChecksumAlgorithm {CHECKSUMS}"
_PUT = f"Bucket Key {_BODY} {DESCRIPTION} ExpectedBucketOwner IfMatch IfNoneMatch"
_COPY = f"Bucket Key CopySource {DESCRIPTION} MetadataDirective TaggingDirective ExpectedBucketOwner ExpectedSourceBucketOwner"

OPERATIONS = {
    "PutObject": Operation(put_object, _PUT),
    "GetObject": Operation(get_object, f"{READ} {_RESPONSES}"),
    "HeadObject": Operation(head_object, f"{READ} {_RESPONSES}"),
    "DeleteObject": Operation(delete_object, "Bucket Key ExpectedBucketOwner IfMatch"),
    "DeleteObjects": Operation(
        delete_objects, "Bucket ChecksumAlgorithm ExpectedBucketOwner Delete.Quiet Delete.Objects.Key Delete.Objects.ETag"
    ),
    "CopyObject": Operation(copy_object, f"{_COPY} {_CONDITIONS}"),
    "GetObjectTagging": Operation(get_object_tagging, "Bucket Key ExpectedBucketOwner"),
    "PutObjectTagging": Operation(
        put_object_tagging, "Bucket Key ExpectedBucketOwner ContentMD5 ChecksumAlgorithm Tagging.TagSet"
    ),
    "DeleteObjectTagging": Operation(delete_object_tagging, "Bucket Key ExpectedBucketOwner"),
}
