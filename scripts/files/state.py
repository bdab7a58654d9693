"""What a checkout remembers between two commands lies in small JSON files below .kennel. Never a credential, never a log.

`state-TARGET.json` is a LaunchState, BEST a BestTrial. Two commands may run at once: each change is read, made and
written under one lock, and replaces the file in one step.
"""

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypedDict

from contract.files import write_whole
from scripts.errors import LaunchError

BEST = "best.json"
"""What tuning found for the picture classifier: a BestTrial."""
SCRIPTS_BEST = "best-scripts.json"
"""What it found for people's own scripts: a BestTrial for each by its path."""


class LaunchState(TypedDict, total=False):
    """The names of what was last made on a target."""

    data: str
    uploading: list[str]
    """Sets of pictures whose upload has begun and not ended: what lies in S3 under these names may be neither old nor new."""
    weights: str
    training_job: str
    tuning_job: str
    features_job: str
    endpoint: str
    endpoint_config: str
    model: str


class Objective(TypedDict):
    """The value that a tuning job compares its training jobs by."""

    name: str
    value: float


class BestTrial(TypedDict):
    """The best training job of the last tuning job, and the hyperparameters that it had."""

    tuning_job: str
    training_job: str
    objective: Objective
    hyperparameters: dict[str, str]


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


def write(path: Path, body: Mapping[str, Any]) -> None:
    """Replace the whole file: a reader sees the old content or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(body, indent=2) + "\n")


@contextmanager
def changing(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the file's object to change; it is written when the block ends well. Other commands wait for the block's end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with (path.parent / ".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        body = read(path)
        yield body
        write(path, body)


def remember(path: Path, **values: Any) -> None:
    """Set some keys, keep the others. None forgets a key."""
    with changing(path) as body:
        _set(body, values)


def put_back(path: Path, mine: Mapping[str, Any], before: Mapping[str, Any]) -> None:
    """Undo a `remember` of `mine`, unless another command has changed one of its keys since. `before`: the object as it was."""
    with changing(path) as body:
        if all(body.get(key) == value for key, value in mine.items()):
            _set(body, {key: before.get(key) for key in mine})


def _set(body: dict[str, Any], values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        if value is None:
            body.pop(key, None)
        else:
            body[key] = value
