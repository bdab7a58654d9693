"""The checksums of S3: one hasher for each algorithm this server can verify, all with `update` and `digest`.

CRC32C and CRC64NVME (S3's own default) are AWS's C library's, the others Python's. XXHASH is refused by name.
"""

import base64
import hashlib
import zlib
from collections.abc import Callable, Mapping
from typing import Protocol

import awscrt.checksums

from ..errors import AwsError

HEADER = "x-amz-checksum-"


class Checksum(Protocol):
    """A running checksum."""

    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class Crc:
    """A CRC of `size` bytes, by a function of (data, the CRC so far)."""

    def __init__(self, function: Callable[[bytes, int], int], size: int) -> None:
        self._function = function
        self._size = size
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = self._function(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._size, "big")


ALGORITHMS: Mapping[str, Callable[[], Checksum]] = {
    "CRC32": lambda: Crc(zlib.crc32, 4),
    "CRC32C": lambda: Crc(awscrt.checksums.crc32c, 4),
    "CRC64NVME": lambda: Crc(awscrt.checksums.crc64nvme, 8),
    "SHA1": lambda: hashlib.sha1(usedforsecurity=False),
    "SHA256": hashlib.sha256,
    "SHA512": hashlib.sha512,
}


def new(algorithm: str) -> Checksum:
    """A hasher. Raises NotImplemented, naming the algorithm, for one that this server cannot verify."""
    if algorithm not in ALGORITHMS:
        known = ", ".join(ALGORITHMS)
        raise AwsError("NotImplemented", f"The checksum algorithm {algorithm} is not supported here; use one of {known}.", 501)
    return ALGORITHMS[algorithm]()


def encoded(checksum: Checksum) -> str:
    """As it is written in headers and XML."""
    return base64.b64encode(checksum.digest()).decode()


def composite(algorithm: str, parts: list[str]) -> str:
    """The checksum of the checksums of parts, with their number, as S3 gives it for multipart uploads."""
    hasher = new(algorithm)
    for part in parts:
        hasher.update(base64.b64decode(part))
    return f"{encoded(hasher)}-{len(parts)}"


def declared(headers: Mapping[str, str]) -> dict[str, str | None]:
    """The checksums that a request's headers promise: algorithm to value, None where it comes as a trailer."""
    found: dict[str, str | None] = {}
    for name, value in headers.items():
        if name.startswith(HEADER) and name not in (HEADER + "mode", HEADER + "algorithm", HEADER + "type"):
            found[name.removeprefix(HEADER).upper()] = value
    for name in headers.get("x-amz-trailer", "").split(","):
        if name.strip().lower().startswith(HEADER):
            found[name.strip().lower().removeprefix(HEADER).upper()] = None
    return found


def bad_digest(algorithm: str) -> AwsError:
    """What S3 says when bytes and checksum differ."""
    if algorithm == "MD5":
        return AwsError("BadDigest", "The Content-MD5 you specified did not match what we received.")
    return AwsError("BadDigest", f"The {algorithm} you specified did not match the calculated checksum.")
