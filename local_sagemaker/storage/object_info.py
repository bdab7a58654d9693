"""What is known of one S3 object, and the rule for its key. Not where it is kept (objects.py)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import AwsError

KEY_BYTES = 1024


@dataclass(frozen=True, kw_only=True)
class About:
    """What a client says of an object: headers to give back by their member names (ContentType, ...), user metadata, tags,
    checksums by algorithm (base64; "CRC32": ...), whether those are of the whole object or composite, and the sizes of the
    parts it was uploaded in."""

    headers: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    checksums: Mapping[str, str] = field(default_factory=dict)
    checksum_type: str = "FULL_OBJECT"
    part_sizes: tuple[int, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)

    def pack(self) -> str:
        """As JSON."""
        return json.dumps({name: dict(value) if isinstance(value, Mapping) else value for name, value in vars(self).items()})

    @staticmethod
    def unpack(text: str) -> "About":
        """From JSON."""
        values = json.loads(text)
        return About(**values | {"part_sizes": tuple(values["part_sizes"])})


@dataclass(frozen=True, kw_only=True)
class ObjectInfo:
    """One object: `size` in bytes, `etag` without quotes, `modified` in epoch seconds, `path` of the plain file.

    The file at `path` is read-only for everyone: link it, mount it or copy it, and never write into it. It may go when
    the object is overwritten or deleted; a hard link keeps it.
    """

    bucket: str
    key: str
    size: int
    etag: str
    modified: float
    path: Path
    about: About


def key_bytes(key: str) -> bytes:
    """A key as it is stored. Raises KeyTooLongError above 1,024 bytes, InvalidRequest when empty, InvalidURI when not text."""
    try:
        name = key.encode()
    except UnicodeEncodeError:
        raise AwsError("InvalidURI", "Couldn't parse the specified URI.") from None
    if not name:
        raise AwsError("InvalidRequest", "A key must have at least one character.")
    if len(name) > KEY_BYTES:
        fields = {"Size": str(len(name)), "MaxSizeAllowed": str(KEY_BYTES)}
        raise AwsError("KeyTooLongError", "Your key is too long", 400, fields)
    return name
