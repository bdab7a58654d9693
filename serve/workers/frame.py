"""What travels between the frontend and a worker: a list of parts, each a few named fields and the bytes that belong to them.

On the wire: the length of a JSON list (four bytes, big-endian), that list of fields with the `size` of each body, the bodies.
Both ends are ours and of the same version; of what comes nothing is judged here but its length.
"""

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Part = tuple[dict[str, Any], bytes]
_LENGTH = struct.Struct(">I")


def pack(parts: Sequence[tuple[Mapping[str, Any], bytes | bytearray]]) -> bytes:
    fields = json.dumps([{**fields, "size": len(body)} for fields, body in parts]).encode("ascii")
    return b"".join([_LENGTH.pack(len(fields)), fields, *(body for _, body in parts)])


class Frames:
    """Frames out of pieces as they come."""

    def __init__(self, limit: int | None = None) -> None:
        """`limit`: bytes of a frame, where its sender is not to be trusted."""
        self._rest = bytearray()
        self._limit = limit

    def feed(self, data: bytes) -> Iterator[list[Part]]:
        """Raises ValueError for a frame over the limit; others for one that is none."""
        self._rest += data
        while (frame := self._take()) is not None:
            yield frame

    def _take(self) -> list[Part] | None:
        if len(self._rest) < _LENGTH.size:
            return None
        start = _LENGTH.size + _LENGTH.unpack_from(self._rest)[0]
        self._check(start)
        if len(self._rest) < start:
            return None
        fields = json.loads(self._rest[_LENGTH.size : start])
        end = start + sum(part["size"] for part in fields)
        self._check(end)
        if len(self._rest) < end:
            return None
        parts = []
        for part in fields:
            parts.append((part, bytes(self._rest[start : start + part["size"]])))
            start += part["size"]
        del self._rest[:start]
        return parts

    def _check(self, size: int) -> None:
        if self._limit is not None and size > self._limit:
            raise ValueError(f"a frame over {self._limit:,} bytes")
