"""What a checkout remembers between two commands, in small JSON files below .kennel. Never a credential, never a log.

`state-TARGET.json` holds the names of what was last made there; `best.json` the winner of the last tuning, for training.
"""

import json
from pathlib import Path
from typing import Any

from contract.files import write_whole
from scripts.errors import LaunchError


def read(path: Path) -> dict[str, Any]:
    """The file's object, empty when there is none. Raises LaunchError when it is broken."""
    try:
        body = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise LaunchError(f"{path}: cannot be read ({str(error)[:80]}); remove it, nothing on AWS is lost by that") from None
    if not isinstance(body, dict):
        raise LaunchError(f"{path}: not an object; remove it, nothing on AWS is lost by that")
    return body


def write(path: Path, body: dict[str, Any]) -> None:
    """Write aside, then replace: a reader sees the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(body, indent=2) + "\n")


def remember(path: Path, **values: Any) -> None:
    """Set some keys, keep the others. None forgets a key."""
    body = read(path) | values
    write(path, {key: value for key, value in body.items() if value is not None})
