"""A Call is a request to an AWS service, a Command a program to run: --dry-run prints the values that are sent or run."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `service` as boto3 names it, `operation` as the API names it. A Path in `request` stands for its bytes."""

    service: str
    operation: str
    request: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Command:
    """One command that is run here. `environment` is what it gets beside the person's own; never a secret.

    `stdin` goes to its standard input, and is never shown.
    """

    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    stdin: str = field(default="", repr=False)


def render(steps: Iterable[Call | Command]) -> str:
    """The steps as one JSON document, in the order in which they are taken. A file's bytes are shown as its name and size."""
    body = [
        {"service": step.service, "operation": step.operation, "request": step.request}
        if isinstance(step, Call)
        else {"command": list(step.arguments), "environment": step.environment}
        for step in steps
    ]
    return json.dumps(body, indent=2, default=_shown)


def _shown(value: object) -> str:
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    if isinstance(value, Path):
        size = f"{value.stat().st_size} bytes" if value.exists() else "to be fetched"
        return f"<{value}, {size}>"
    raise TypeError(f"{type(value).__name__} in a request")
