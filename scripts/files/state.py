"""What a checkout remembers between two commands lies in small JSON files below .kennel. Never a credential, never a log.

Two commands may run at once: each change is read, made and written under one lock, and replaces the file in one step.
"""

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypedDict, TypeVar, cast, get_args

from contract.files import write_whole
from scripts.errors import LaunchError

B = TypeVar("B", bound=Mapping[str, Any])


@dataclass(frozen=True)  # slots of a frozen generic class break StateFile[...](...)
class StateFile(Generic[B]):
    """A file and the type of its object. One that is not there is read as an empty object, so no key of B may be required."""

    path: Path


Job = Literal["training_job", "tuning_job", "features_job"]
JOBS: tuple[Job, ...] = get_args(Job)
"""The keys of LaunchState that name a job."""


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


class BestTrial(TypedDict, total=False):
    """The best training job of the last tuning job, and the hyperparameters that it had."""

    tuning_job: str
    training_job: str
    objective: Objective
    hyperparameters: dict[str, str]


def launched(home: Path, target: str) -> StateFile[LaunchState]:
    """What was last made on a target."""
    return StateFile(home / f"state-{target}.json")


def best(home: Path) -> StateFile[BestTrial]:
    """What tuning found for the picture classifier."""
    return StateFile(home / "best.json")


def best_of_scripts(home: Path) -> StateFile[dict[str, BestTrial]]:
    """What tuning found for people's own scripts, by their paths."""
    return StateFile(home / "best-scripts.json")


def read(file: StateFile[B]) -> B:
    """The file's object, empty when there is none. Raises LaunchError when it is broken."""
    path = file.path
    try:
        body = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        body = {}
    except (OSError, ValueError) as error:
        raise LaunchError(f"{path}: cannot be read ({str(error)[:80]}); remove it, nothing on AWS is lost by that") from None
    if not isinstance(body, dict):
        raise LaunchError(f"{path}: not an object; remove it, nothing on AWS is lost by that")
    return cast(B, body)


def write(file: StateFile[B], body: B) -> None:
    """Replace the whole file: a reader sees the old content or the new."""
    file.path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file.path, json.dumps(body, indent=2) + "\n")


@contextmanager
def changing(file: StateFile[B]) -> Iterator[B]:
    """Yield the file's object to change; it is written when the block ends well. Other commands wait for the block's end."""
    file.path.parent.mkdir(parents=True, exist_ok=True)
    with (file.path.parent / ".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        body = read(file)
        yield body
        write(file, body)


def remember(file: StateFile[B], values: B) -> None:
    """Set some keys, keep the others."""
    body: Any
    with changing(file) as body:
        body.update(values)


def put_back(file: StateFile[B], mine: B, before: B) -> None:
    """Undo a `remember` of `mine`, unless another command has changed one of its keys since. `before`: the object as it was."""
    body: Any
    with changing(file) as body:
        if all(body.get(key) == value for key, value in mine.items()):
            for key in mine:
                del body[key]
            body.update({key: before[key] for key in mine if key in before})
