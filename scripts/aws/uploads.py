"""A folder is uploaded to a prefix in S3: only what changed, in parallel; what is gone here is deleted there too.

An object is unchanged when its size is the same and its ETag is the file's MD5. With a KMS key ETags are no MD5s: there it is
unchanged when its ETag is still the one that our own upload of the same MD5 was answered with.
"""

import hashlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract.visible import NOT_UTF8, is_utf8
from scripts.aws.api import Target
from scripts.aws.calls import Call
from scripts.aws.settings import Settings
from scripts.errors import LaunchError
from scripts.files import state
from scripts.output import Output

THREADS = 8
_LARGEST = 5_000_000_000
"""Bytes of one PutObject."""
_DELETED_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Done:
    """Files sent, files that were there, objects removed, bytes sent."""

    sent: int
    kept: int
    removed: int
    bytes: int

    def __str__(self) -> str:
        removed = f", {self.removed:,} removed" if self.removed else ""
        return f"{self.sent:,} uploaded ({self.bytes / 1e6:.1f} MB), {self.kept:,} unchanged{removed}"


def plan(settings: Settings, prefix: str, files: Mapping[str, Path]) -> Iterator[Call]:
    """The listing, then a PutObject for every file: which of them are sent, the listing's answer decides."""
    yield listing(settings, prefix)
    for name, path in files.items():
        yield put(settings, prefix + name, path)


def upload(target: Target, settings: Settings, prefix: str, files: Mapping[str, Path], output: Output) -> Done:
    """`files`: names below `prefix`, which is ours alone and ends with a slash. Raises LaunchError for a file
    too large, and for a name that no key can hold."""
    for name, path in files.items():
        if not is_utf8(name):
            raise LaunchError(f"{path} {NOT_UTF8}")
        if path.stat().st_size > _LARGEST:
            raise LaunchError(f"{path}: {path.stat().st_size / 1e9:.1f} GB; at most 5 GB a file")
    there = {row["Key"]: row for row in listed(target, settings, prefix)}
    memory = state.StateFile[dict[str, list[str]]](settings.home / f"uploaded-{settings.target}.json")
    known = state.read(memory)
    with output.progress("uploading", "files") as show, ThreadPoolExecutor(THREADS) as pool:

        def send(name: str) -> tuple[str, str, str, int]:
            key, path = prefix + name, files[name]
            md5, found = _md5(path), there.get(key)
            if found and found["Size"] == path.stat().st_size:
                etag = found["ETag"].strip('"')
                if etag == md5 or known.get(_place(settings, key)) == [md5, etag]:
                    return key, md5, etag, -1
            etag = target.send(put(settings, key, path))["ETag"].strip('"')
            return key, md5, etag, path.stat().st_size

        results = []
        for result in pool.map(send, files):
            results.append(result)
            show(len(results), len(files))
    if settings.kms_key:
        with state.changing(memory) as remembered:
            remembered |= {_place(settings, key): [md5, etag] for key, md5, etag, _ in results}
    strays = sorted(set(there) - {prefix + name for name in files})
    _remove(target, settings.bucket, strays)
    sizes = [size for *_, size in results if size >= 0]
    return Done(len(sizes), len(results) - len(sizes), len(strays), sum(sizes))


def put(settings: Settings, key: str, body: Path | bytes) -> Call:
    """PutObject, encrypted with the person's key where they gave one."""
    request: dict[str, Any] = {"Bucket": settings.bucket, "Key": key, "Body": body}
    if settings.kms_key:
        request |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": settings.kms_key}
    return Call("s3", "PutObject", request)


def _place(settings: Settings, key: str) -> str:
    return f"s3://{settings.bucket}/{key}"


def listing(settings: Settings, prefix: str) -> Call:
    """The first page of what is below a prefix."""
    return Call("s3", "ListObjectsV2", {"Bucket": settings.bucket, "Prefix": prefix})


def listed(target: Target, settings: Settings, prefix: str) -> Iterator[dict[str, Any]]:
    """Every object below a prefix, as ListObjectsV2 tells of it, by name."""
    request = dict(listing(settings, prefix).request)
    while True:
        page = target.ask("s3", "ListObjectsV2", **request)
        yield from page.get("Contents", [])
        if not page.get("IsTruncated"):
            return
        request["ContinuationToken"] = page["NextContinuationToken"]


def _remove(target: Target, bucket: str, keys: list[str]) -> None:
    for start in range(0, len(keys), _DELETED_AT_ONCE):
        some = [{"Key": key} for key in keys[start : start + _DELETED_AT_ONCE]]
        reply = target.ask("s3", "DeleteObjects", Bucket=bucket, Delete={"Objects": some, "Quiet": True})
        for failed in reply.get("Errors", []):
            raise LaunchError(f"s3://{bucket}/{failed['Key']}: not removed: {failed.get('Message', failed.get('Code'))}")


def _md5(path: Path) -> str:
    """In hex; it tells change from no change and protects nothing."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
