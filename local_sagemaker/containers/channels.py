"""Input channels: S3 objects become files below input/data/<channel>. They are copies, as in AWS's File mode.

A hard link to the object's own file would be quicker, but a program that runs as our user, or as root, could write through it
into the object. So there are links only where the backend shows the folder to the program through a read-only mount; a copy
costs nothing on a file system that shares blocks (btrfs, XFS). Supported: S3Prefix in File and FastFile mode, FullyReplicated
and ShardedByS3Key.
"""

import errno
from collections.abc import Mapping
from shlex import quote
from typing import Any

from ..errors import validation
from ..s3.uri import UnsafeKey, file_name, relative_name, split
from ..storage.file_copy import copy_bytes
from ..storage.object_info import ObjectInfo
from ..storage.objects import Objects
from ..storage.private_files import STORED_FILE
from .untrusted_folder import Refused, UntrustedFolder


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
        make = "" if objects.has_bucket(bucket) else f"`aws s3 mb {quote(f's3://{bucket}')}` makes the bucket here, and "
        raise validation(
            f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the'
            f" bucket exists in the selected region ({region}), that objects exist under that S3 prefix, and that the"
            f' role "{role}" has "s3:ListBucket" permissions on bucket "{bucket}".'
            f" {make}`aws s3 cp FOLDER {quote(uri)} --recursive` copies a folder there."
        )


def download_channel(
    objects: Objects, channel: Mapping[str, Any], data: UntrustedFolder, host: int, hosts: int, *, link: bool
) -> int:
    """Fills data/<channel> for host number `host` (from 0) of `hosts`; returns the number of files. Raises CannotDownload.

    `link`: the program sees the folder through a read-only mount, so files may be the objects' own.
    """
    source = channel["DataSource"]["S3DataSource"]
    folder = data / channel["ChannelName"]
    folder.make()
    sharded = source.get("S3DataDistributionType") == "ShardedByS3Key"
    shard = slice(host, None, hosts) if sharded else slice(None)
    return place_prefix(objects, source["S3Uri"], folder, what=f"channel {channel['ChannelName']!r}", link=link, shard=shard)


def place_prefix(
    objects: Objects, uri: str, folder: UntrustedFolder, *, what: str, link: bool, shard: slice = slice(None)
) -> int:
    """Fills a folder with what is under an S3 URI, or a shard of it; returns the number of files. Raises CannotDownload.

    `link` is as in `download_channel`.
    """
    bucket, prefix = split(uri, "S3Uri")
    found = list(objects.walk(bucket, prefix))[shard]
    for info in found:
        try:
            _place(objects, info, folder, relative_name(info.key, prefix), link=link)
        except (UnsafeKey, FileExistsError, Refused) as error:
            why = str(error) if isinstance(error, UnsafeKey) else f"S3 key {info.key!r} is both a file and a folder"
            raise CannotDownload(f"ClientError: Data download failed:{why} ({what}, bucket {bucket!r})") from None
    return len(found)


def _place(objects: Objects, info: ObjectInfo, folder: UntrustedFolder, name: str, *, link: bool) -> None:
    if name.endswith("/") or not name:  # the marker that consoles make for an empty folder
        if name.strip("/"):
            folder.make(file_name(name.rstrip("/")))
        return
    place(objects, info, folder, file_name(name), link=link)


def place(objects: Objects, info: ObjectInfo, folder: UntrustedFolder, name: str, *, link: bool) -> None:
    """Puts the object's bytes at a new name in a folder, read-only: a copy, or where `link` allows a link to its own file."""
    if link:
        try:
            folder.link(name, info.path)
            return
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.ENOENT):
                raise
    copy(objects, info, folder, name)
    folder.set_mode(name, STORED_FILE)


def copy(objects: Objects, info: ObjectInfo, folder: UntrustedFolder, name: str) -> None:
    """Puts a copy of the object's bytes at a new name in a folder: a file of its own that may be written to."""
    _, source = objects.open(info.bucket, info.key)
    with source, folder.create(name, buffering=0) as file:
        copy_bytes(source, file)
