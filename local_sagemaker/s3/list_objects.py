"""S3's ListObjects, versions 1 and 2: what a page of a bucket looks like on the wire."""

import base64
import binascii
from typing import Any
from urllib.parse import quote

from ..context import Context
from ..errors import AwsError
from ..protocol.operation import Operation
from ..storage.object_info import ObjectInfo
from ..storage.object_listing import PAGE, Listing
from .buckets import check_owner, owner


def list_objects(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Version 1: goes on from Marker, which is a key."""
    page = _page(context, request, request.get("Marker", ""))
    reply = _common(context, request, page, with_owner=True)
    reply |= {"Marker": _encoded(request, request.get("Marker", ""))}
    if page.truncated and request.get("Delimiter"):
        reply["NextMarker"] = _encoded(request, page.last)
    return reply


def list_objects_v2(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Version 2: goes on from a token, or starts after a key."""
    token = request.get("ContinuationToken")
    after = _from_token(token) if token is not None else request.get("StartAfter", "")
    page = _page(context, request, after)
    return {
        **_common(context, request, page, with_owner=bool(request.get("FetchOwner"))),
        "KeyCount": len(page.objects) + len(page.prefixes),
        "ContinuationToken": token,
        "NextContinuationToken": _to_token(page.last) if page.truncated else None,
        "StartAfter": _encoded(request, request["StartAfter"]) if request.get("StartAfter") else None,
    }


def _page(context: Context, request: dict[str, Any], after: str) -> Listing:
    check_owner(context, request)
    limit = request.get("MaxKeys", PAGE)
    if limit < 0:
        raise AwsError("InvalidArgument", "Argument maxKeys must be an integer between 0 and 2147483647")
    return context.objects.list(
        request["Bucket"], request.get("Prefix", ""), after, min(limit, PAGE), request.get("Delimiter", "")
    )


def _common(context: Context, request: dict[str, Any], page: Listing, *, with_owner: bool) -> dict[str, Any]:
    return {
        "Name": request["Bucket"],
        "Prefix": _encoded(request, request.get("Prefix", "")),
        "Delimiter": _encoded(request, request["Delimiter"]) if request.get("Delimiter") else None,
        "MaxKeys": min(request.get("MaxKeys", PAGE), PAGE),
        "EncodingType": request.get("EncodingType"),
        "IsTruncated": page.truncated,
        "Contents": [_entry(context, request, info, with_owner) for info in page.objects],
        "CommonPrefixes": [{"Prefix": _encoded(request, prefix)} for prefix in page.prefixes],
    }


def _entry(context: Context, request: dict[str, Any], info: ObjectInfo, with_owner: bool) -> dict[str, Any]:
    return {
        "Key": _encoded(request, info.key),
        "LastModified": info.modified,
        "ETag": f'"{info.etag}"',
        "ChecksumAlgorithm": list(info.about.checksums),
        "ChecksumType": info.about.checksum_type if info.about.checksums else None,
        "Size": info.size,
        "StorageClass": "STANDARD",
        "Owner": owner(context) if with_owner else None,
    }


def _encoded(request: dict[str, Any], text: str) -> str:
    return quote(text, safe="/") if request.get("EncodingType") == "url" else text


def _to_token(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode()


def _from_token(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token.encode()).decode()
    except (binascii.Error, ValueError):
        raise AwsError("InvalidArgument", "The continuation token provided is incorrect") from None


_MEMBERS = "Bucket Delimiter EncodingType MaxKeys Prefix ExpectedBucketOwner"

OPERATIONS = {
    "ListObjects": Operation(list_objects, f"{_MEMBERS} Marker"),
    "ListObjectsV2": Operation(list_objects_v2, f"{_MEMBERS} ContinuationToken FetchOwner StartAfter"),
}
