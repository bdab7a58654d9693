"""A request to an AWS service as data: what --dry-run prints and what Target.send sends are the same values."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `service` as boto3 names it, `operation` as the API names it. A Path in `request` stands for its bytes."""

    service: str
    operation: str
    request: Mapping[str, Any]


def render(calls: Iterable[Call]) -> str:
    """The calls as one JSON document, in the order in which they are sent. A file's bytes are shown as its name and size."""
    body = [{"service": call.service, "operation": call.operation, "request": call.request} for call in calls]
    return json.dumps(body, indent=2, default=_shown)


def _shown(value: object) -> str:
    if isinstance(value, Path):
        size = f"{value.stat().st_size} bytes" if value.exists() else "to be fetched"
        return f"<{value}, {size}>"
    raise TypeError(f"{type(value).__name__} in a request")
