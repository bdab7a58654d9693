"""Input channels: S3 objects become files below input/data/<channel>, by hard link where the disk allows, else by copy.

A program that writes into an input file in place would write into the object; AWS's File mode gives copies. Objects are
read-only files, so only a program that runs as root can. Supported: S3Prefix in File and FastFile mode, FullyReplicated and
ShardedByS3Key.
"""

import errno
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import validation
from .object_info import ObjectInfo
from .objects import Objects
from .s3_uri import UnsafeKey, below, relative_name, split


class CannotDownload(Exception):
    """A channel cannot be laid out: the sentence for FailureReason."""


def check_channels(objects: Objects, request: Mapping[str, Any], role: str, region: str) -> None:
    """Raises ValidationException where a channel names no data, or asks for what is not supported."""
    names = [channel["ChannelName"] for channel in request.get("InputDataConfig", [])]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise validation(f"Channel names must be unique, but {twice[0]!r} is given more than once in InputDataConfig.")
    for channel in request.get("InputDataConfig", []):
        source = channel["DataSource"].get("S3DataSource")
        if source is None:
            raise validation(f"InputDataConfig channel {channel['ChannelName']!r} needs DataSource.S3DataSource.")
        mode = channel.get("InputMode") or request["AlgorithmSpecification"]["TrainingInputMode"]
        for member, value, only in (
            ("S3DataSource.S3DataType", source["S3DataType"], ("S3Prefix",)),
            ("InputMode", mode, ("File", "FastFile")),
            ("CompressionType", channel.get("CompressionType", "None"), ("None",)),
            ("RecordWrapperType", channel.get("RecordWrapperType", "None"), ("None",)),
        ):
            if value not in only:
                raise validation(
                    f"{member} {value} of channel {channel['ChannelName']!r} is not supported by the local SageMaker;"
                    f" supported: {', '.join(only)}."
                )
        check_prefix(objects, source["S3Uri"], role, region)


def check_prefix(objects: Objects, uri: str, role: str, region: str) -> None:
    """Raises ValidationException where there is nothing under an S3 URI."""
    bucket, prefix = split(uri, "S3Uri")
    if not objects.has_bucket(bucket) or not objects.list(bucket, prefix, limit=1).objects:
        raise validation(
            f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the'
            f" bucket exists in the selected region ({region}), that objects exist under that S3 prefix, and that the"
            f' role "{role}" has "s3:ListBucket" permissions on bucket "{bucket}".'
        )


def lay_out(objects: Objects, channel: Mapping[str, Any], data: Path, host: int, hosts: int) -> int:
    """Fills data/<channel> for host number `host` (from 0) of `hosts`; returns the number of files. Raises CannotDownload."""
    source = channel["DataSource"]["S3DataSource"]
    folder = data / channel["ChannelName"]
    folder.mkdir(parents=True, exist_ok=True)
    sharded = source.get("S3DataDistributionType") == "ShardedByS3Key"
    shard = slice(host, None, hosts) if sharded else slice(None)
    return place_prefix(objects, source["S3Uri"], folder, what=f"channel {channel['ChannelName']!r}", shard=shard)


def place_prefix(objects: Objects, uri: str, folder: Path, *, what: str, shard: slice = slice(None)) -> int:
    """Fills a folder with what is under an S3 URI, or a shard of it; returns the number of files. Raises CannotDownload."""
    bucket, prefix = split(uri, "S3Uri")
    found = list(objects.walk(bucket, prefix))[shard]
    for info in found:
        try:
            _place(objects, info, folder, relative_name(info.key, prefix))
        except (UnsafeKey, FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            why = str(error) if isinstance(error, UnsafeKey) else f"S3 key {info.key!r} is both a file and a folder"
            raise CannotDownload(f"ClientError: Data download failed:{why} ({what}, bucket {bucket!r})") from None
    return len(found)


def _place(objects: Objects, info: ObjectInfo, folder: Path, name: str) -> None:
    if name.endswith("/") or not name:  # the marker that consoles make for an empty folder
        if name.strip("/"):
            below(folder, name.rstrip("/")).mkdir(parents=True, exist_ok=True)
        return
    target = below(folder, name)
    target.parent.mkdir(parents=True, exist_ok=True)
    link_or_copy(objects, info, target)


def link_or_copy(objects: Objects, info: ObjectInfo, target: Path) -> None:
    """Puts the object's bytes at `target`: a link to its file, a copy on another file system."""
    try:
        os.link(info.path, target)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.ENOENT):
            raise
        copy(objects, info, target)


def copy(objects: Objects, info: ObjectInfo, target: Path) -> None:
    """Puts a copy of the object's bytes at `target`, a file of its own that may be written to."""
    _, source = objects.open(info.bucket, info.key)
    with source, target.open("xb") as file:
        shutil.copyfileobj(source, file, 1 << 20)
