"""An image manifest or index as it was pushed: is it sound, what does it name, how large is what it names.

Docker's schema 2 and OCI's media types are known; the bytes are kept as they came, because their hash is the image's digest.
It stores nothing; image_index.py does.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import AwsError

BYTES = 4 * 1024**2  # of a manifest, as on ECR
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
IMAGES = ("application/vnd.docker.distribution.manifest.v2+json", "application/vnd.oci.image.manifest.v1+json")
INDEXES = ("application/vnd.docker.distribution.manifest.list.v2+json", "application/vnd.oci.image.index.v1+json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A sound manifest. `blobs` are sizes (bytes) by digest of config and layers, `children` the manifests of an index."""

    body: bytes
    media_type: str
    digest: str
    artifact_type: str | None
    blobs: Mapping[str, int]
    children: tuple[str, ...]

    @property
    def size(self) -> int:
        """Bytes of what an image names; 0 for an index."""
        return sum(self.blobs.values())


def need_digest(text: str) -> str:
    """The digest itself. Raises DIGEST_INVALID for anything that is not sha256:HEX."""
    if not DIGEST.fullmatch(text):
        raise AwsError("DIGEST_INVALID", f"{text[:100]!r} is not a digest: expected sha256: and 64 hexadecimal digits.")
    return text


def read_manifest(body: bytes, content_type: str) -> Manifest:
    """Reads a manifest. Raises MANIFEST_INVALID, naming the member that is wrong."""
    media_type = content_type.partition(";")[0].strip()
    if media_type not in IMAGES + INDEXES:
        raise _invalid(f"Content-Type {media_type[:100]!r} is not one of {', '.join(IMAGES + INDEXES)}")
    try:
        members = json.loads(body)
    except (ValueError, RecursionError):
        raise _invalid("it is not JSON") from None
    if not isinstance(members, dict) or members.get("schemaVersion") != 2:
        raise _invalid("schemaVersion is not 2")
    if members.get("mediaType", media_type) != media_type:
        raise _invalid("mediaType is not the Content-Type")
    blobs: dict[str, int] = {}
    children: list[str] = []
    if media_type in IMAGES:
        config: dict[str, Any] = members.get("config") or {}
        blobs = dict([_descriptor(config, "config"), *(_descriptor(one, "layers") for one in _list(members, "layers"))])
        artifact_type = members.get("artifactType") or config.get("mediaType")
    else:
        children = [_descriptor(one, "manifests")[0] for one in _list(members, "manifests")]
        artifact_type = members.get("artifactType")
    return Manifest(
        body=body,
        media_type=media_type,
        digest=f"sha256:{hashlib.sha256(body).hexdigest()}",
        artifact_type=artifact_type if isinstance(artifact_type, str) else None,
        blobs=blobs,
        children=tuple(dict.fromkeys(children)),
    )


def _list(members: Mapping[str, Any], name: str) -> list[Any]:
    found = members.get(name)
    if not isinstance(found, list):
        raise _invalid(f"{name} is not a list")
    return found


def _descriptor(value: Any, name: str) -> tuple[str, int]:
    """(digest, size) of a descriptor."""
    digest, size = (value.get("digest"), value.get("size")) if isinstance(value, dict) else (None, None)
    if not isinstance(digest, str) or not DIGEST.fullmatch(digest):
        raise _invalid(f"a digest in {name} is not sha256: and 64 hexadecimal digits")
    if type(size) is not int or not 0 <= size < 2**53:
        raise _invalid(f"a size in {name} is not a number of bytes")
    return digest, size


def _invalid(why: str) -> AwsError:
    return AwsError("MANIFEST_INVALID", f"The manifest is invalid: {why}.")
