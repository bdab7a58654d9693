"""Drawn dogs as the bytes of JPEG files, for tests that need pictures of dogs and not photographs."""

import io
from functools import cache

from scripts.drawing import draw
from scripts.drawing.breed import BREEDS

SIZE = 240
"""Pixels of a side: enough for every crop the tests use, and drawn in seconds."""


@cache
def pictures(count: int = 16) -> list[bytes]:
    """`count` pictures of as many breeds as there are; the same at every call. Do not change the list."""
    return [_jpeg(number) for number in range(count)]


def _jpeg(number: int) -> bytes:
    stream = io.BytesIO()
    draw.draw(BREEDS[number % len(BREEDS)], number, SIZE).save(stream, "JPEG", quality=draw.QUALITY)
    return stream.getvalue()
