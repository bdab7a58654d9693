"""The objects that a transform job reads, those under a prefix or those that a manifest names, and the keys of their outputs."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ..errors import AwsError
from ..s3.uri import folder_prefix, relative_name, split
from ..storage.objects import Objects

MANIFEST_BYTES = 64 << 20


class InputObject(NamedTuple):
    """An object to read, and the key of what becomes of it, in the bucket of S3OutputPath."""

    bucket: str
    key: str
    output: str


class BadInputs(Exception):
    """The job's input names no objects that can be read: the sentence for FailureReason."""


def find_objects(objects: Objects, request: Mapping[str, Any]) -> list[InputObject]:
    """The objects in the order of their keys, or of the manifest; markers of empty folders are left out. Raises BadInputs.

    An output is called as its input is below the prefix, with `.out` at its end.
    """
    source = request["TransformInput"]["DataSource"]["S3DataSource"]
    _, output = split(request["TransformOutput"]["S3OutputPath"], "S3OutputPath")
    named = _under(objects, source["S3Uri"]) if source["S3DataType"] == "S3Prefix" else _listed(objects, source["S3Uri"])
    found: dict[str, InputObject] = {}
    for bucket, key, name in named:
        one = InputObject(bucket, key, f"{folder_prefix(output)}{name}.out")
        if found.setdefault(one.output, one).key != key:
            other = found[one.output].key
            raise BadInputs(f"ClientError: The keys {other!r} and {key!r} would both be stored as {one.output!r}.")
    if not found:
        raise BadInputs(f"ClientError: No S3 objects found under S3 URL {source['S3Uri']!r} given in TransformInput.")
    return list(found.values())


def _under(objects: Objects, uri: str) -> Iterator[tuple[str, str, str]]:
    """Bucket, key and the name of the output of each object."""
    bucket, prefix = split(uri, "S3Uri")
    for info in objects.walk(bucket, prefix):
        if not info.key.endswith("/"):
            yield bucket, info.key, relative_name(info.key, prefix)


def _listed(objects: Objects, uri: str) -> Iterator[tuple[str, str, str]]:
    prefix, names = _manifest(objects, uri)
    bucket, start = split(prefix, "prefix")
    for name in names:
        if not objects.has(bucket, start + name):
            raise BadInputs(f"ClientError: The manifest {uri} names s3://{bucket}/{start}{name}, which is not there.")
        yield bucket, start + name, name.lstrip("/")


def _manifest(objects: Objects, uri: str) -> tuple[str, list[str]]:
    """The prefix that a manifest begins with, and the names that follow."""
    bucket, key = split(uri, "S3Uri")
    _, file = objects.open(bucket, key)
    with file:
        text = file.read(MANIFEST_BYTES + 1)
    if len(text) > MANIFEST_BYTES:
        raise BadInputs(f"ClientError: The manifest {uri} is larger than {MANIFEST_BYTES} bytes.")
    try:
        first, *names = json.loads(text)
        prefix = first["prefix"]
        if not isinstance(prefix, str):
            raise TypeError("it is no text")
        split(prefix, "prefix")
    except (ValueError, TypeError, KeyError, RecursionError, AwsError) as error:
        raise BadInputs(f"ClientError: The manifest {uri} does not begin with an object that has a prefix: {error}") from None
    if wrong := [name for name in names if not isinstance(name, str) or not name]:
        raise BadInputs(f"ClientError: The manifest {uri} has {json.dumps(wrong[0])[:60]} where the end of a key is expected.")
    return prefix, names
