"""Model data of a serving container: an archive unpacked, or objects laid out, below <base>/model, then made read-only.

An archive may come from anywhere, so nothing it holds can reach outside the folder: names are checked, links are made last and
must stay inside, devices and pipes are refused, and there are limits on members and bytes (bounded_archive.py).
"""

import os
import posixpath
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO

from ..containers.channels import place
from ..containers.interruptible import Interrupt, Interrupted, never
from ..containers.untrusted_folder import Refused, UntrustedFolder
from ..errors import AwsError, validation
from ..s3.uri import UnsafeKey, file_name, relative_name, split
from ..storage.objects import Objects
from .bounded_archive import PIECE, ArchiveLimits, BadArchive, Member, members

MAX_LINKS = 40
"""Links that lead to links: as many as Linux follows."""


class BadModelData(Exception):
    """The model data cannot be laid out: the sentence for FailureReason."""


def model_source(container: Mapping[str, Any]) -> tuple[str, str, bool] | None:
    """(bucket, key or prefix, whether it is an archive) of a model's container; None where it has no data."""
    if url := container.get("ModelDataUrl"):
        return *split(url, "ModelDataUrl"), not is_multi_model(container)
    source = container.get("ModelDataSource", {}).get("S3DataSource")
    if source is None:
        return None
    archive = source["CompressionType"] == "Gzip"
    if archive != (source["S3DataType"] == "S3Object"):
        raise validation("ModelDataSource takes S3DataType S3Object with CompressionType Gzip, or S3Prefix with None.")
    return *split(source["S3Uri"], "ModelDataSource.S3DataSource.S3Uri"), archive


def is_multi_model(container: Mapping[str, Any]) -> bool:
    """Whether ModelDataUrl is the prefix of many models, of which each request names one."""
    return bool(container.get("Mode") == "MultiModel")


def check_model_data(objects: Objects, container: Mapping[str, Any]) -> None:
    """Raises ValidationException where the data is not there."""
    if (source := model_source(container)) is None:
        return
    bucket, key, archive = source
    there = objects.has_bucket(bucket) and (
        objects.has(bucket, key) if archive and key else bool(objects.list(bucket, key, limit=1).objects)
    )
    if not there:
        raise validation(f"Could not find model data at s3://{bucket}/{key}.")


def lay_out_model(objects: Objects, container: Mapping[str, Any], folder: UntrustedFolder, *, link: bool) -> None:
    """Fills `folder`; `link` is as in channels.download_channel. Raises BadModelData, naming the member or key at fault."""
    folder.make()
    try:
        source = model_source(container)
        if source is None:
            return
        bucket, key, archive = source
        if archive:
            _, file = objects.open(bucket, key)
            with file:
                unpack(file, folder)
        else:
            for info in objects.walk(bucket, key):
                if not info.key.endswith("/"):
                    place(objects, info, folder, file_name(relative_name(info.key, key)), link=link)
        folder.make_read_only()
    except (AwsError, UnsafeKey, Refused, OSError) as error:
        raise BadModelData(f"Failed to download model data: {getattr(error, 'message', error)}") from error


def unpack(file: BinaryIO, folder: UntrustedFolder, limits: ArchiveLimits = ArchiveLimits(), interrupt: Interrupt = never) -> int:
    """Unpacks a tar.gz; returns the bytes that it wrote. Raises BadModelData, and Interrupted once `interrupt` says so."""
    folder.make()
    links: list[Member] = []
    made: set[str] = set()
    written = 0
    try:
        for member in members(file, limits):
            if interrupt():
                raise Interrupted
            if not member.name and member.kind == "folder":
                continue  # SageMaker's SDK packs the model folder itself so
            name = _inner_name(member.name)
            made.update(name[:end] for end in range(len(name)) if name[end] == "/")
            if len(made) > limits.members:
                raise BadModelData(f"The model archive makes more than {limits.members:,} folders.")
            if member.kind == "folder":
                folder.make(name)
            elif member.kind == "file":
                folder.delete(name)  # of two members with one name the later one counts
                written += _write(member.pieces(), folder, name, interrupt)
                folder.set_mode(name, 0o755 if member.executable else 0o644)
            else:
                links.append(member)
    except BadArchive as error:
        raise BadModelData(f"The model archive is refused: {error}.") from error
    except (Refused, OSError) as error:
        raise BadModelData(f"The model archive cannot be unpacked: {error}") from error
    for member in links:
        written += _link(folder, member, limits.bytes - written, interrupt)
    for member in links:
        if member.kind == "symlink":
            _need_inside(folder, _inner_name(member.name))
    return written


def _write(pieces: Iterable[bytes], folder: UntrustedFolder, name: str, interrupt: Interrupt) -> int:
    """Writes a new file; returns its bytes. Raises Interrupted."""
    size = 0
    with folder.create(name) as copy:
        for piece in pieces:
            if interrupt():
                raise Interrupted
            size += copy.write(piece)
    return size


def _inner_name(name: str) -> str:
    """A member's name as a path below the model folder; empty for the folder itself. Raises BadModelData."""
    plain = posixpath.normpath(name) if name and not name.startswith("/") and ".." not in name.split("/") else ""
    if plain == ".":
        return ""
    try:
        return file_name(plain)
    except UnsafeKey:
        raise BadModelData(f"Member {name!r} of the model archive would be written outside the model folder.") from None


def _link(folder: UntrustedFolder, member: Member, room: int, interrupt: Interrupt) -> int:
    """Makes a link, once every file is there; returns the bytes that it wrote. One that leaves the folder is refused.

    A hard link is a copy: one of more bytes than `room` is refused.
    """
    name = _inner_name(member.name)
    start = posixpath.dirname(posixpath.normpath(member.name)) if member.kind == "symlink" else ""
    wanted = posixpath.normpath(posixpath.join(start, member.target))
    if member.target.startswith("/") or wanted == ".." or wanted.startswith("../"):
        raise BadModelData(f"Link {member.name!r} of the model archive points outside the model folder.")
    try:
        if member.kind == "symlink":
            folder.delete(name)
            folder.symlink(name, member.target)
            return 0
        with folder.reader(wanted) as source:
            if source.seek(0, os.SEEK_END) > room:
                raise BadModelData(f"With the copy that is hard link {member.name!r} the model archive holds too many bytes.")
            source.seek(0)
            return _write(iter(lambda: source.read(PIECE), b""), folder, name, interrupt)
    except (Refused, OSError, ValueError) as error:
        raise BadModelData(f"Link {member.name!r} of the model archive points to no file of the archive: {error}") from error


def _need_inside(folder: UntrustedFolder, name: str) -> None:
    """Follows a link on paper, now that all are made: two that stay inside one by one may leave the folder together."""
    ahead: list[str] = name.split("/")[::-1]
    at: list[str] = []
    links = 0
    while ahead:
        part = ahead.pop()
        if part == ".." and not at:
            raise BadModelData(f"Link {name!r} of the model archive points outside the model folder.")
        if part == "..":
            at.pop()
        elif part not in ("", "."):
            at.append(part)
            if (target := folder.target("/".join(at))) is not None:
                links += 1
                if links > MAX_LINKS or target.startswith("/"):
                    raise BadModelData(f"Link {name!r} of the model archive points outside the model folder.")
                at.pop()
                ahead += reversed(target.split("/"))
