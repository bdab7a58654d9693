"""S3's operations on multipart uploads; storage/multipart_uploads.py keeps them."""

from dataclasses import replace
from typing import Any

from ..context import Context
from ..errors import AwsError
from ..protocol.operation import Operation
from ..storage import checksums, multipart_uploads
from .buckets import check_owner, owner
from .conditions import byte_range, check_read, check_write
from .object_operations import CHECKSUMS, DESCRIPTION, about_of, checksum_members, encryption_members, source_of


def create_multipart_upload(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Starts an upload. CRC-64 covers the whole object, every other algorithm is composite unless asked otherwise."""
    check_owner(context, request)
    algorithm = request.get("ChecksumAlgorithm", "")
    kind = request.get("ChecksumType") or ("FULL_OBJECT" if algorithm == "CRC64NVME" else "COMPOSITE")
    if request.get("ChecksumType") and not algorithm:
        raise AwsError("InvalidRequest", "The ChecksumType header can only be used with the ChecksumAlgorithm header.")
    about = replace(about_of(request), checksum_type=kind)
    upload = multipart_uploads.create(context.objects, request["Bucket"], request["Key"], about, algorithm)
    reply = {"Bucket": request["Bucket"], "Key": request["Key"], "UploadId": upload}
    reply |= encryption_members(about)
    return reply | ({"ChecksumAlgorithm": algorithm, "ChecksumType": kind} if algorithm else {})


def upload_part(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Keeps a part that was received."""
    check_owner(context, request)
    upload, body = _find(context, request), request["Body"]
    part = multipart_uploads.add_part(context.objects, upload, _number(request), body.writer, body.checksums)
    encryption = encryption_members(upload.about)
    return {"ETag": f'"{part.etag}"', **encryption, **{f"Checksum{name}": value for name, value in part.checksums.items()}}


def upload_part_copy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Copies a byte range of another object as a part."""
    check_owner(context, request)
    upload, number = _find(context, request), _number(request)
    info, file = context.objects.open(*source_of(request))
    with file:
        check_read(request, info, "CopySource")
        wanted = request.get("CopySourceRange")
        offset, length, partial = byte_range({"Range": wanted} if wanted else {}, info)
        if wanted and not partial:
            raise AwsError("InvalidArgument", "The x-amz-copy-source-range value must be of the form bytes=first-last")
        file.seek(offset)
        hasher = checksums.new(upload.algorithm) if upload.algorithm else None
        with context.objects.blobs.new([hasher] if hasher else []) as writer:
            while length:
                piece = file.read(min(length, 1 << 20))
                writer.write(piece)
                length -= len(piece)
    proved = {upload.algorithm: checksums.encoded(hasher)} if hasher else {}
    part = multipart_uploads.add_part(context.objects, upload, number, writer, proved)
    result = {"ETag": f'"{part.etag}"', "LastModified": part.modified}
    result |= {f"Checksum{name}": value for name, value in part.checksums.items()}
    return {"CopyPartResult": result, **encryption_members(upload.about)}


def complete_multipart_upload(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Joins the parts into the object."""
    check_owner(context, request)
    upload = _find(context, request)
    wanted = request.get("MultipartUpload", {}).get("Parts")
    if not wanted or any("PartNumber" not in part for part in wanted):
        message = "The XML you provided was not well-formed or did not validate against our published schema"
        raise AwsError("MalformedXML", message)
    key = request["Key"]
    info = multipart_uploads.complete(
        context.objects, upload, wanted, lambda old: check_write(request, key, old), _promised(request)
    )
    return {
        "Location": f"{context.endpoint_url}/{info.bucket}/{info.key}",
        "Bucket": info.bucket,
        "Key": info.key,
        "ETag": f'"{info.etag}"',
        **encryption_members(info.about),
        **checksum_members(info.about),
    }


def abort_multipart_upload(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Drops an upload."""
    check_owner(context, request)
    multipart_uploads.abort(context.objects, _find(context, request))
    return {}


def list_parts(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """The parts of an upload so far."""
    check_owner(context, request)
    upload = _find(context, request)
    marker, limit = request.get("PartNumberMarker", 0), request.get("MaxParts", 1000)
    parts = [part for number, part in multipart_uploads.parts(context.objects, upload).items() if number > marker]
    page = parts[:limit]
    return {
        "Bucket": upload.bucket,
        "Key": upload.key,
        "UploadId": upload.id,
        "PartNumberMarker": marker,
        "NextPartNumberMarker": page[-1].number if page else 0,
        "MaxParts": limit,
        "IsTruncated": len(parts) > limit,
        "StorageClass": "STANDARD",
        "Owner": owner(context),
        "Initiator": owner(context),
        "ChecksumAlgorithm": upload.algorithm or None,
        "ChecksumType": upload.about.checksum_type if upload.algorithm else None,
        "Parts": [
            {
                "PartNumber": part.number,
                "LastModified": part.modified,
                "ETag": f'"{part.etag}"',
                "Size": part.size,
                **{f"Checksum{name}": value for name, value in part.checksums.items()},
            }
            for part in page
        ],
    }


def list_multipart_uploads(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """The uploads in progress of a bucket, all on one page."""
    check_owner(context, request)
    found = multipart_uploads.every(context.objects, request["Bucket"], request.get("Prefix", ""))
    if len(found) > request.get("MaxUploads", 1000):
        raise AwsError("NotImplemented", "ListMultipartUploads has no second page on the local SageMaker.", 501)
    return {
        "Bucket": request["Bucket"],
        "Prefix": request.get("Prefix"),
        "MaxUploads": request.get("MaxUploads", 1000),
        "IsTruncated": False,
        "Uploads": [
            {
                "UploadId": one.id,
                "Key": one.key,
                "Initiated": one.created,
                "StorageClass": "STANDARD",
                "Owner": owner(context),
                "Initiator": owner(context),
                "ChecksumAlgorithm": one.algorithm or None,
                "ChecksumType": one.about.checksum_type if one.algorithm else None,
            }
            for one in found
        ],
    }


def _find(context: Context, request: dict[str, Any]) -> multipart_uploads.Upload:
    return multipart_uploads.find(context.objects, request["Bucket"], request["Key"], request["UploadId"])


def _number(request: dict[str, Any]) -> int:
    number = request["PartNumber"]
    if not 1 <= number <= multipart_uploads.PARTS:
        raise AwsError("InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive")
    return number


def _promised(request: dict[str, Any]) -> dict[str, str]:
    return {name.removeprefix("Checksum"): request[name] for name in CHECKSUMS.split() if request.get(name)}


_UPLOAD = "Bucket Key UploadId ExpectedBucketOwner"
_SOURCE = (
    "CopySource CopySourceIfMatch CopySourceIfNoneMatch CopySourceIfModifiedSince CopySourceIfUnmodifiedSince CopySourceRange"
)

OPERATIONS = {
    "CreateMultipartUpload": Operation(
        create_multipart_upload, f"Bucket Key {DESCRIPTION} ChecksumAlgorithm ChecksumType ExpectedBucketOwner"
    ),
    "UploadPart": Operation(upload_part, f"{_UPLOAD} PartNumber Body ContentLength ContentMD5 ChecksumAlgorithm {CHECKSUMS}"),
    "UploadPartCopy": Operation(upload_part_copy, f"{_UPLOAD} PartNumber {_SOURCE} ExpectedSourceBucketOwner"),
    "CompleteMultipartUpload": Operation(
        complete_multipart_upload, f"{_UPLOAD} MultipartUpload {CHECKSUMS} ChecksumType IfMatch IfNoneMatch"
    ),
    "AbortMultipartUpload": Operation(abort_multipart_upload, _UPLOAD),
    "ListParts": Operation(list_parts, f"{_UPLOAD} MaxParts PartNumberMarker"),
    "ListMultipartUploads": Operation(list_multipart_uploads, "Bucket Prefix MaxUploads EncodingType ExpectedBucketOwner"),
}
