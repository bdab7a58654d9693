"""The checksums of S3: one hasher for each algorithm this server can verify, all with `update` and `digest`.

CRC32C and CRC64NVME have no implementation in the standard library: they are a table in Python here, right but slow (about
10 MB/s). XXHASH is refused by name.
"""

import base64
import functools
import hashlib
import zlib
from collections.abc import Callable, Mapping
from typing import Protocol

from .errors import AwsError

HEADER = "x-amz-checksum-"


class Checksum(Protocol):
    """A running checksum."""

    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class Crc32:
    """CRC-32 of zip and Ethernet."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


class TableCrc:
    """A reflected CRC with initial and final value of all ones, by a table of 256."""

    def __init__(self, polynomial: int, size: int) -> None:
        self._table = _table(polynomial)
        self._size = size
        self._ones = (1 << 8 * size) - 1
        self._value = self._ones

    def update(self, data: bytes, /) -> None:
        table, value = self._table, self._value
        for byte in data:
            value = table[(value ^ byte) & 0xFF] ^ (value >> 8)
        self._value = value

    def digest(self) -> bytes:
        return (self._value ^ self._ones).to_bytes(self._size, "big")


@functools.cache
def _table(polynomial: int) -> tuple[int, ...]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (polynomial if value & 1 else 0)
        table.append(value)
    return tuple(table)


ALGORITHMS: Mapping[str, Callable[[], Checksum]] = {
    "CRC32": Crc32,
    "CRC32C": lambda: TableCrc(0x82F63B78, 4),
    "CRC64NVME": lambda: TableCrc(0x9A6C9329AC4BC9B5, 8),
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
