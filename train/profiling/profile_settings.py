"""The settings of a job's profile, read from profilerconfig.json: folders, intervals, sizes of files.

Only a path and a few numbers are read: smdebug's own reader of that file runs parts of it as code (`eval`).
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract.layout import Layout
from train.config import remap

INTERVALS = (100, 200, 500, 1000, 5000, 60000)
"""Milliseconds between samples, as SageMaker allows them."""
OWN = "train"
"""The folder of the program's own samples in a folder where the platform writes its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileSettings:
    """Folders that the files go to, and how often. Samples never lie where the platform's own do: counted together they would
    count twice."""

    samples: Path
    """Its `system` gets the system metrics: output/data/profiler, or `train` in the folder that the platform syncs."""
    timeline: Path
    """Its `framework` gets the steps: output/data/profiler, or the folder that the platform syncs."""
    interval: float = 0.5
    """Seconds between samples of the system."""
    rotate_seconds: float = 60.0
    rotate_bytes: int = 10 << 20
    """A file of the timeline is closed when it is as old or as large as this."""
    asked: bool = False
    """Whether the job has a ProfilerConfig that is not disabled."""


def read(layout: Layout) -> ProfileSettings:
    """The settings of the job; a value that cannot be understood gets its default, for no training fails for its profile."""
    own = layout.output_profiler
    body = _object(layout.profiler_config)
    if not body or body.get("DisableProfiler") in (True, "true", "True"):
        return ProfileSettings(samples=own, timeline=own)
    parameters = body.get("ProfilingParameters")
    parameters = parameters if isinstance(parameters, dict) else {}
    path = parameters.get("LocalPath")
    interval = _number(body.get("ProfilingIntervalInMilliseconds"), 500)
    synced = remap(Path(path), layout.base) if isinstance(path, str) and path else layout.profiler
    return ProfileSettings(
        samples=synced / OWN,
        timeline=synced,
        interval=(interval if interval in INTERVALS else 500) / 1000,
        rotate_seconds=_number(parameters.get("RotateFileCloseIntervalInSeconds"), 60),
        rotate_bytes=int(_number(parameters.get("RotateMaxFileSizeInBytes"), 10 << 20)),
        asked=True,
    )


def _object(path: Path) -> dict[str, Any]:
    try:
        body = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _number(value: Any, default: float) -> float:
    """Numbers arrive as strings; those that are none, or not above nought, are the default."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return default
    return number if 0 < number < 1e12 else default
