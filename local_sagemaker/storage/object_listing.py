"""Pages of a bucket: prefix, delimiter and where to go on from, as S3 lists. The XML of it is s3/list_objects.py."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from .object_info import ObjectInfo

PAGE = 1000


@dataclass(frozen=True, kw_only=True)
class Listing:
    """A page of a bucket in key order; `last` is the last key or common prefix of it, the place to go on from."""

    objects: list[ObjectInfo]
    prefixes: list[str]
    truncated: bool
    last: str


class Index(Protocol):
    """Where the keys come from, in order."""

    def rows(self, bucket: str, cursor: bytes, inclusive: bool, stop: bytes | None, limit: int) -> Sequence[ObjectInfo]: ...


def list_page(index: Index, bucket: str, prefix: str, start_after: str, limit: int, delimiter: str) -> Listing:
    """At most `limit` keys and common prefixes after `start_after`; everything below a common prefix is skipped at once.

    Where keys may be rolled up, few are read at a time, more and more while none is: no row is read to be skipped.
    """
    start, stop, mark = prefix.encode(), _beyond(prefix.encode()), delimiter.encode()
    cursor, inclusive = _first(start, start_after.encode(), mark)
    found: list[ObjectInfo] = []
    prefixes: list[str] = []
    last, size = "", 1 if mark else PAGE
    while cursor is not None:
        rows = index.rows(bucket, cursor, inclusive, stop, min(limit + 1, size))
        if not rows:
            break
        size = min(2 * size, PAGE)
        for info in rows:
            if len(found) + len(prefixes) == limit:
                return Listing(objects=found, prefixes=prefixes, truncated=limit > 0, last=last)
            rolled = _rolled(info.key.encode(), start, mark)
            if rolled is not None:
                last = rolled.decode()
                prefixes.append(last)
                cursor, inclusive, size = _beyond(rolled), True, 1
                break
            found.append(info)
            last = info.key
            cursor, inclusive = last.encode(), False
    return Listing(objects=found, prefixes=prefixes, truncated=False, last=last)


def _first(start: bytes, after: bytes, mark: bytes) -> tuple[bytes | None, bool]:
    if after < start:
        return start, True
    if after.startswith(start) and _rolled(after, start, mark) == after:
        return _beyond(after), True  # the page before ended with this common prefix
    return after, False


def _rolled(key: bytes, start: bytes, mark: bytes) -> bytes | None:
    """The common prefix that a key is rolled up into, or None."""
    at = key.find(mark, len(start)) if mark else -1
    return key[: at + len(mark)] if at >= 0 else None


def _beyond(prefix: bytes) -> bytes | None:
    """The smallest bytes above everything that starts with `prefix`, or None when there is none."""
    trimmed = prefix.rstrip(b"\xff")
    return trimmed[:-1] + bytes([trimmed[-1] + 1]) if trimmed else None
