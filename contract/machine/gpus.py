"""The NVIDIA GPUs that this container may use: their devices, less those that CUDA_VISIBLE_DEVICES hides. It asks no driver."""

from collections.abc import Mapping
from pathlib import Path

VISIBLE = "CUDA_VISIBLE_DEVICES"
"""CUDA's own: the devices to use, by number or name, separated by commas; those after a wrong one are hidden too."""


def count(environ: Mapping[str, str], devices: Path = Path("/dev")) -> int:
    """How many are handed to this container and not hidden."""
    return visible(environ, sum(1 for path in devices.glob("nvidia[0-9]*") if path.name[6:].isdigit()))


def visible(environ: Mapping[str, str], found: int) -> int:
    """How many of `found` GPUs are not hidden."""
    if VISIBLE not in environ:
        return found
    names = [name.strip() for name in environ[VISIBLE].split(",")]
    wrong = (place for place, name in enumerate(names) if name in ("", "-1", "NoDevFiles"))
    return min(found, next(wrong, len(names)))
