"""The header of a safetensors file, judged without reading the tensors and without the safetensors library. Not a loader.

A file whose tensors do not fill it exactly is told apart in milliseconds, and a header that claims to be huge is never read.
"""

import json
import os
from pathlib import Path
from typing import BinaryIO, NamedTuple

from contract.errors import SafetensorsError

HEADER_LIMIT = 8 << 20
"""Bytes; the largest torchvision classifiers need well under a tenth."""


class Entry(NamedTuple):
    """A tensor of the file. `dtype`: as the format calls it, such as F32. `start`, `length`: of its bytes in the file."""

    name: str
    dtype: str
    start: int
    length: int


def check(path: Path) -> None:
    """Raises SafetensorsError naming the file unless its header is JSON and its tensors fill the rest of the file exactly."""
    with open(path, "rb") as stream:
        try:
            read(stream)
        except SafetensorsError as error:
            raise SafetensorsError(f"{path.name}: not safetensors ({error})") from None


def read(stream: BinaryIO) -> list[Entry]:
    """The tensors of a file that was opened at its beginning, in the order of their bytes. Raises SafetensorsError."""
    size = os.fstat(stream.fileno()).st_size
    length = int.from_bytes(stream.read(8), "little")
    if size < 8 or length > min(HEADER_LIMIT, size - 8):
        raise SafetensorsError(f"its safetensors header of {length:,} bytes in a file of {size:,}")
    data, end = 8 + length, 0
    try:
        header = json.loads(stream.read(length))
        rows = [(entry["data_offsets"], name, entry["dtype"]) for name, entry in header.items() if name != "__metadata__"]
        found = []
        for (start, stop), name, dtype in sorted(rows):
            if type(start) is not int or type(stop) is not int or start != end or stop < end:  # 0.0 and False equal 0
                raise SafetensorsError("its safetensors header has tensors that overlap or leave gaps")
            found.append(Entry(name, str(dtype), data + start, stop - start))
            end = stop
    except (ValueError, RecursionError, AttributeError, KeyError, TypeError):
        raise SafetensorsError("its safetensors header is no table of tensors") from None
    if end != size - data:
        raise SafetensorsError(f"{size:,} bytes, and its safetensors header describes {data + end:,}")
    return found
