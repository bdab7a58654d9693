"""S3's conditional requests and ranges: If-Match and its kin, Range, PartNumber. Pure functions of a request and an object."""

import re
from collections.abc import Mapping
from typing import Any

from ..errors import AwsError, no_such_key
from ..storage.object_info import ObjectInfo

_RANGE = re.compile(r"bytes=(\d{1,18})?-(\d{1,18})?")


def check_read(request: Mapping[str, Any], info: ObjectInfo, prefix: str = "") -> None:
    """Raises PreconditionFailed (412) or NotModified (304) as a GET or HEAD must. `prefix` is CopySource for a copy's source."""
    match, none_match = request.get(f"{prefix}IfMatch"), request.get(f"{prefix}IfNoneMatch")
    since, unmodified = request.get(f"{prefix}IfModifiedSince"), request.get(f"{prefix}IfUnmodifiedSince")
    if match is not None:
        if not _matches(match, info.etag):
            raise _failed("If-Match")
    elif unmodified is not None and int(info.modified) > unmodified:
        raise _failed("If-Unmodified-Since")
    same = none_match is not None and _matches(none_match, info.etag)
    old = none_match is None and since is not None and int(info.modified) <= since
    if same or old:
        if prefix:
            raise _failed("If-None-Match" if same else "If-Modified-Since")
        raise AwsError("NotModified", "Not Modified", 304, {"ETag": f'"{info.etag}"'})


def check_write(request: Mapping[str, Any], key: str, old: ObjectInfo | None) -> None:
    """Raises as a put must that asks for If-None-Match: * or If-Match."""
    none_match, match = request.get("IfNoneMatch"), request.get("IfMatch")
    if none_match is not None:
        if none_match != "*":
            message = "A header you provided implies functionality that is not implemented: If-None-Match with an ETag"
            raise AwsError("NotImplemented", message, 501, {"Header": "If-None-Match"})
        if old is not None:
            raise _failed("If-None-Match")
    if match is not None:
        if old is None:
            raise no_such_key(key)
        if not _matches(match, old.etag):
            raise _failed("If-Match")


def byte_range(request: Mapping[str, Any], info: ObjectInfo) -> tuple[int, int, bool]:
    """(offset, length, whether it is partial) of what a GET or HEAD asks for. Raises InvalidRange (416)."""
    number = request.get("PartNumber")
    if number is not None:
        if request.get("Range") is not None:
            raise AwsError("InvalidRequest", "Cannot specify both Range header and partNumber query parameter")
        return _part(info, number)
    found = _RANGE.fullmatch(request.get("Range", "").replace(" ", ""))
    if not found or found.groups() == (None, None):
        return 0, info.size, False
    first, last = found.groups()
    if first is None:
        length = min(int(last), info.size)
        offset = info.size - length
    else:
        offset = int(first)
        end = info.size - 1 if last is None else min(int(last), info.size - 1)
        if last is not None and int(last) < offset:
            return 0, info.size, False  # not a range at all: S3 sends the whole object
        length = end - offset + 1
    if length <= 0:
        fields = {"RangeRequested": request["Range"], "ActualObjectSize": str(info.size)}
        raise AwsError("InvalidRange", "The requested range is not satisfiable", 416, fields)
    return offset, length, True


def _part(info: ObjectInfo, number: int) -> tuple[int, int, bool]:
    sizes = info.about.part_sizes or (info.size,)
    if not 1 <= number <= len(sizes):
        fields = {"PartNumberRequested": str(number), "ActualPartCount": str(len(sizes))}
        raise AwsError("InvalidPartNumber", "The requested partnumber is not satisfiable", 416, fields)
    return sum(sizes[: number - 1]), sizes[number - 1], info.size > 0


def _matches(header: str, etag: str) -> bool:
    given = [one.strip().removeprefix("W/").strip('"') for one in header.split(",")]
    return "*" in given or etag in given


def _failed(condition: str) -> AwsError:
    message = "At least one of the pre-conditions you specified did not hold"
    return AwsError("PreconditionFailed", message, 412, {"Condition": condition})
