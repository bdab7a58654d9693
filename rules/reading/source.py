"""A source lists and reads a job's files, in a folder or below an S3 prefix. It writes nothing, and knows no format but JSON."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from contract.changing_folder import current_files
from contract.reason import first_line
from rules.errors import SourceError


@dataclass(frozen=True, slots=True)
class File:
    """A file that was found. `name` is below the source, with slashes; `modified` in epoch seconds."""

    name: str
    size: int
    modified: float


class Source(Protocol):
    """A place that a job writes to while we read."""

    def files(self, folder: str, after: str = "") -> Iterator[File]:
        """The files below `folder` (which ends with a slash) in the order of their names, only those after the name `after`."""
        ...

    def read(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        """A part of a file, by default the whole. Raises FileNotFoundError, SourceError."""
        ...

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        ...


def open_source(place: str) -> Source:
    """A folder's path or an s3:// address. A folder may appear later. Raises SourceError."""
    if place.startswith("s3://"):
        parts = urlsplit(place)
        if not parts.netloc:
            raise SourceError(f"{place!r} names no bucket: expected s3://bucket/prefix.")
        import boto3

        return S3Prefix(boto3.client("s3"), parts.netloc, parts.path.strip("/"))
    return Folder(Path(place))


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of this machine."""

    root: Path

    def files(self, folder: str, after: str = "") -> Iterator[File]:
        named = ((path.relative_to(self.root).as_posix(), status) for path, status in current_files(self.root / folder))
        found = [File(name, status.st_size, status.st_mtime) for name, status in named if name > after]
        yield from sorted((file for file in found if not file.name.endswith(".tmp")), key=lambda file: file.name)

    def read(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        with (self.root / name).open("rb") as file:
            file.seek(start)
            return file.read(-1 if length is None else length)

    def has(self, name: str) -> bool:
        return (self.root / name).is_file()


@dataclass(frozen=True, slots=True)
class S3Prefix:
    """A prefix of a bucket. `client` is boto3's; an endpoint other than AWS's comes from AWS_ENDPOINT_URL."""

    client: Any
    bucket: str
    prefix: str

    def _key(self, name: str) -> str:
        return f"{self.prefix}/{name}" if self.prefix else name

    def files(self, folder: str, after: str = "") -> Iterator[File]:
        cut = len(self._key(""))
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=self._key(folder), StartAfter=self._key(after or folder)
        )
        for page in self._patiently(lambda: list(pages), folder):
            for item in page.get("Contents", ()):
                if not item["Key"].endswith(".tmp"):
                    yield File(item["Key"][cut:], item["Size"], item["LastModified"].timestamp())

    def read(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        if length == 0:
            return b""
        end = "" if length is None else start + length - 1
        ranged = {"Range": f"bytes={start}-{end}"} if start or length is not None else {}
        return self._patiently(
            lambda: self.client.get_object(Bucket=self.bucket, Key=self._key(name), **ranged)["Body"].read(), name
        )

    def has(self, name: str) -> bool:
        try:
            self._patiently(lambda: self.client.head_object(Bucket=self.bucket, Key=self._key(name)), name)
        except FileNotFoundError:
            return False
        return True

    def _patiently(self, call: Any, name: str = "") -> Any:
        """boto3 repeats what may pass by itself; what is left is told in one sentence."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return call()
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in ("404", "NoSuchKey", "NotFound", "416", "InvalidRange"):
                raise FileNotFoundError(name) from None
            raise SourceError(
                f"s3://{self.bucket}/{self._key(name)} cannot be read: {code}. Look at the role's policy."
            ) from None
        except BotoCoreError as error:
            raise SourceError(f"s3://{self.bucket}/{self._key(name)} cannot be read: {error}") from None


def json_object(name: str, body: bytes) -> dict[str, Any]:
    """A file's JSON object. Raises SourceError."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{name} is not JSON: {first_line(error, 100)}.") from None
    if not isinstance(found, dict):
        raise SourceError(f"{name} is not a JSON object.")
    return found
