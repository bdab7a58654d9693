"""Multipart uploads: parts kept as blobs until they are joined into an object, or dropped. Their wire is s3/multipart.py."""

import base64
import hashlib
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import AwsError
from . import checksums
from .blobs import BlobWriter
from .database import Row
from .object_info import About, ObjectInfo, key_bytes
from .objects import Objects

LEAST_PART = 5 * 1024 * 1024
PARTS = 10_000


@dataclass(frozen=True, kw_only=True)
class Part:
    """One uploaded part: `etag` is its MD5 in hex, `checksums` by algorithm in base64."""

    number: int
    blob: str
    size: int
    etag: str
    modified: float
    checksums: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A multipart upload in progress; `algorithm` is its checksum algorithm, "" for none."""

    id: str
    bucket: str
    key: str
    created: float
    about: About
    algorithm: str


def create(objects: Objects, bucket: str, key: str, about: About, algorithm: str) -> str:
    """Starts an upload; returns its id."""
    objects.check_target(bucket, key)
    if algorithm:
        checksums.new(algorithm)
    upload = uuid.uuid4().hex
    packed = json.dumps({"about": about.pack(), "algorithm": algorithm})
    values = (upload, bucket, key_bytes(key), objects.clock(), packed)
    objects.database.execute("INSERT INTO uploads VALUES (?, ?, ?, ?, ?)", values)
    return upload


def find(objects: Objects, bucket: str, key: str, upload: str) -> Upload:
    """The upload. Raises NoSuchBucket, or NoSuchUpload."""
    objects.need_bucket(bucket)
    row = objects.database.row("SELECT * FROM uploads WHERE id = ? AND bucket = ? AND key = ?", (upload, bucket, key_bytes(key)))
    if row is None:
        message = (
            "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed."
        )
        raise AwsError("NoSuchUpload", message, 404, {"UploadId": upload})
    return _upload(row)


def every(objects: Objects, bucket: str, prefix: str) -> list[Upload]:
    """The uploads in progress of a bucket, by key and start."""
    objects.need_bucket(bucket)
    rows = objects.database.rows("SELECT * FROM uploads WHERE bucket = ? ORDER BY key, created", (bucket,))
    return [upload for upload in map(_upload, rows) if upload.key.startswith(prefix)]


def add_part(objects: Objects, upload: Upload, number: int, writer: BlobWriter, proved: Mapping[str, str]) -> Part:
    """Keeps a part, in place of the one of that number."""
    writer.close()
    values = (upload.id, number, writer.id, writer.size, writer.md5, objects.clock(), json.dumps(dict(proved)))
    try:
        with objects.database.transaction():
            find(objects, upload.bucket, upload.key, upload.id)
            old = objects.database.row("SELECT blob FROM parts WHERE upload = ? AND number = ?", (upload.id, number))
            objects.database.execute("INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?, ?, ?, ?)", values)
            kept = parts(objects, upload)[number]
    except BaseException:
        writer.discard()
        raise
    if old:
        objects.blobs.remove(old["blob"])
    return kept


def parts(objects: Objects, upload: Upload) -> dict[int, Part]:
    """The parts so far, by number. Raises NoSuchUpload where another request has completed or dropped the upload meanwhile."""
    with objects.database.transaction():
        find(objects, upload.bucket, upload.key, upload.id)
        rows = objects.database.rows("SELECT * FROM parts WHERE upload = ? ORDER BY number", (upload.id,))
    return {row["number"]: _part(row) for row in rows}


def abort(objects: Objects, upload: Upload) -> None:
    """Drops an upload with its parts. Raises NoSuchUpload where another request has completed or dropped it meanwhile."""
    with objects.database.transaction():
        blobs = _forget(objects, upload)
    _remove(objects, blobs)


def complete(
    objects: Objects,
    upload: Upload,
    wanted: Sequence[Mapping[str, Any]],
    check: Callable[[ObjectInfo | None], None],
    promised: Mapping[str, str],
) -> ObjectInfo:
    """Joins the wanted parts (PartNumber, ETag, ChecksumX) into the object.

    `promised` are checksums of the whole object, by algorithm. Raises InvalidPart, InvalidPartOrder, EntityTooSmall, BadDigest,
    and NoSuchUpload in all but one of several requests that complete or drop the upload at the same time.
    """
    chosen = _chosen(parts(objects, upload), wanted)
    with objects.blobs.new() as writer:
        for part in chosen:
            _append(objects, upload, part, writer)
        about = replace(upload.about, part_sizes=tuple(part.size for part in chosen))
        if upload.algorithm:
            about = replace(about, checksums={upload.algorithm: _whole(upload, chosen, writer)})
        for algorithm, value in promised.items():
            if about.checksums.get(algorithm) != value:
                raise checksums.bad_digest(algorithm)
    digests = hashlib.md5(b"".join(bytes.fromhex(part.etag) for part in chosen), usedforsecurity=False)
    blobs: list[str] = []

    def check_and_forget(old: ObjectInfo | None) -> None:
        blobs[:] = _forget(objects, upload)
        check(old)

    etag = f"{digests.hexdigest()}-{len(chosen)}"
    info = objects.commit(upload.bucket, upload.key, writer, etag, about, check_and_forget)
    _remove(objects, blobs)
    return info


def _append(objects: Objects, upload: Upload, part: Part, writer: BlobWriter) -> None:
    try:
        writer.append_file(objects.blobs.path(part.blob))
    except FileNotFoundError:
        find(objects, upload.bucket, upload.key, upload.id)  # another request has completed it, or
        raise _invalid_part(part.number) from None  # has put another part in the place of this one


def _chosen(kept: Mapping[int, Part], wanted: Sequence[Mapping[str, Any]]) -> list[Part]:
    numbers = [one["PartNumber"] for one in wanted]
    if numbers != sorted(set(numbers)):
        message = "The list of parts was not in ascending order. The parts list must be specified in order by part number."
        raise AwsError("InvalidPartOrder", message)
    chosen = []
    for one in wanted:
        part = kept.get(one["PartNumber"])
        claimed = {name.removeprefix("Checksum"): value for name, value in one.items() if name.startswith("Checksum")}
        if (
            part is None
            or part.etag != one.get("ETag", "").strip('"')
            or any(part.checksums.get(name, value) != value for name, value in claimed.items())
        ):
            raise _invalid_part(one["PartNumber"])
        chosen.append(part)
    for part in chosen[:-1]:
        if part.size < LEAST_PART:
            fields = {"ProposedSize": str(part.size), "MinSizeAllowed": str(LEAST_PART), "PartNumber": str(part.number)}
            raise AwsError("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size", 400, fields)
    return chosen


def _invalid_part(number: int) -> AwsError:
    message = "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag."  # noqa: E501
    return AwsError("InvalidPart", message, 400, {"PartNumber": str(number)})


def _whole(upload: Upload, chosen: Sequence[Part], writer: BlobWriter) -> str:
    """The object's checksum: of the parts' checksums, or of all its bytes, as the upload asked."""
    if upload.about.checksum_type == "COMPOSITE":
        missing = [part.number for part in chosen if upload.algorithm not in part.checksums]
        if missing:
            message = (
                f"The upload was created using the {upload.algorithm} checksum mode. Part {missing[0]} has no such checksum."
            )
            raise AwsError("InvalidRequest", message)
        return checksums.composite(upload.algorithm, [part.checksums[upload.algorithm] for part in chosen])
    hasher = checksums.new(upload.algorithm)
    with open(writer.path, "rb") as file:
        while piece := file.read(1 << 20):
            hasher.update(piece)
    return base64.b64encode(hasher.digest()).decode()


def _forget(objects: Objects, upload: Upload) -> list[str]:
    """Within a transaction: drops the rows of an upload and returns the blobs of its parts. Raises NoSuchUpload."""
    find(objects, upload.bucket, upload.key, upload.id)
    blobs = [row["blob"] for row in objects.database.rows("SELECT blob FROM parts WHERE upload = ?", (upload.id,))]
    objects.database.execute("DELETE FROM parts WHERE upload = ?", (upload.id,))
    objects.database.execute("DELETE FROM uploads WHERE id = ?", (upload.id,))
    return blobs


def _remove(objects: Objects, blobs: Sequence[str]) -> None:
    for blob in blobs:
        objects.blobs.remove(blob)


def _upload(row: Row) -> Upload:
    packed = json.loads(row["about"])
    return Upload(
        id=row["id"],
        bucket=row["bucket"],
        key=row["key"].decode(),
        created=row["created"],
        about=About.unpack(packed["about"]),
        algorithm=packed["algorithm"],
    )


def _part(row: Row) -> Part:
    return Part(
        number=row["number"],
        blob=row["blob"],
        size=row["size"],
        etag=row["etag"],
        modified=row["modified"],
        checksums=json.loads(row["checksums"]),
    )
