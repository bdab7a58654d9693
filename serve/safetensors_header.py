"""The header of a safetensors file, judged without reading the tensors and without the safetensors library.

The CPU engine never opens the weights, yet an artefact whose weights are broken is broken; here it is told apart in
milliseconds, and a header that claims to be huge is never read. Not a loader.
"""

import json
from pathlib import Path

from serve.errors import EngineError

HEADER_LIMIT = 8 << 20
"""Bytes; the largest torchvision classifiers need well under a tenth."""


def check(path: Path) -> None:
    """Raises EngineError naming the file unless its header is JSON and its tensors fill the rest of the file exactly."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(HEADER_LIMIT, size - 8):
            raise EngineError(f"{path.name}: not safetensors (header of {length:,} bytes in a file of {size:,})")
        try:
            header = json.loads(file.read(length))
            spans = sorted(entry["data_offsets"] for name, entry in header.items() if name != "__metadata__")
        except (ValueError, RecursionError, AttributeError, KeyError, TypeError):
            raise EngineError(f"{path.name}: not safetensors (its header is no table of tensors)") from None
    end = 0
    for span in spans:
        if not (isinstance(span, list) and len(span) == 2 and span[0] == end and isinstance(span[1], int) and span[1] >= end):
            raise EngineError(f"{path.name}: not safetensors (its tensors overlap or leave gaps)")
        end = span[1]
    if end != size - 8 - length:
        raise EngineError(f"{path.name}: {size:,} bytes, its header describes {8 + length + end:,}")
