"""One JSON line an event on standard output, where SageMaker picks logs up. Not a logging framework."""

import json
import sys
from datetime import UTC, datetime
from typing import Any


def event(name: str, level: str = "info", **fields: Any) -> None:
    """Print `name` and its fields as one line, at once."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    line = json.dumps({"time": now, "level": level, "event": name, **fields}, default=str)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
