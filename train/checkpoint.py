"""Checkpoints on disk, each whole or absent: written aside, renamed, and valid only once its marker with a digest exists.

`step-N.pt` holds tensors and plain values; `step-N.json` holds its SHA-256 and is written last. Reading takes the newest
whose digest holds, and never unpickles anything but tensors and plain values.
"""

import errno
import hashlib
import io
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import torch

from contract.files import replacing
from contract.manifest import digest
from contract.reason import first_line
from train.errors import CheckpointError
from train.report import Report

KEPT = 2
"""Checkpoints kept; the older one is for the case that the newest cannot be read."""
_FORMAT = 1


class Marker(TypedDict):
    """The content of `step-N.json`. `sha256` is of `step-N.pt`, `check` of the other values here; `fields` as in Checkpoints."""

    format: int
    step: int
    sha256: str
    fields: Mapping[str, Any]
    check: NotRequired[str]


_MARKER = re.compile(r"step-(\d{9})\.json")


class Checkpoints:
    """The checkpoints in one folder. `fields`: values that a job must share with the one whose checkpoint it loads, by name."""

    def __init__(self, folder: Path, fields: Mapping[str, Any], report: Report) -> None:
        self._folder, self._fields, self._report = folder, fields, report

    def save(self, step: int, state: Mapping[str, Any]) -> None:
        """Writes the checkpoint of a step and drops those that are too old.

        Raises CheckpointError when it cannot be written; the earlier ones are then as they were, and nothing is left over.
        """
        data, marker = self._paths(step)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            _write(data, lambda stream: torch.save(state, stream))
            body: Marker = {"format": _FORMAT, "step": step, "sha256": digest(data), "fields": self._fields}
            body["check"] = _check(body)
            text = json.dumps(body, indent=1)
            _write(marker, lambda stream: stream.write(text.encode("utf-8")))
        except OSError as error:
            if not marker.exists():
                data.unlink(missing_ok=True)
            raise CheckpointError(
                f"the checkpoint of step {step} cannot be written: {_cause(error)}; the earlier ones are intact"
            ) from None
        self._drop_old()

    def load(self, device: torch.device) -> tuple[int, Any] | None:
        """The newest valid checkpoint as (step, state); None when none was ever finished. Removes what a killed save left.

        Raises CheckpointError when there are some and none is valid, or when the newest valid one is another job's.
        """
        self._drop_old()
        wrong = []
        for step in self._steps():
            try:
                body = self._checked(step)
                self._compare(body["fields"])
                return step, torch.load(self._paths(step)[0], map_location=device, weights_only=True)
            except CheckpointError:
                raise
            # A damaged file makes the readers raise nearly anything.
            except Exception as error:
                reason = first_line(error, 160)
                wrong.append(f"step {step}: {reason}")
                self._report.say(f"checkpoint of step {step} is not usable and is skipped: {reason}")
        if wrong:
            raise CheckpointError(
                f"none of {len(wrong)} checkpoints is usable ({'; '.join(wrong)}); empty the folder to start afresh"
            )
        return None

    def _checked(self, step: int) -> Marker:
        data, marker = self._paths(step)
        body: Marker = json.loads(marker.read_bytes())
        if body.pop("check") != _check(body) or body["format"] != _FORMAT or body["step"] != step:
            raise ValueError("its marker is damaged, or of another version")
        if digest(data) != body["sha256"]:
            raise ValueError("SHA-256 differs from its marker's")
        return body

    def _compare(self, fields: Mapping[str, Any]) -> None:
        for name, value in self._fields.items():
            if fields.get(name) != value:
                raise CheckpointError(
                    f"{name}: the checkpoint was made with {fields.get(name)!r:.80}, this job has {value!r:.80}; "
                    "use the same, or another checkpoint folder"
                )

    def _paths(self, step: int) -> tuple[Path, Path]:
        return self._folder / f"step-{step:09d}.pt", self._folder / f"step-{step:09d}.json"

    def _steps(self) -> list[int]:
        """Steps that have a marker, the newest first."""
        names = [entry.name for entry in self._folder.iterdir()] if self._folder.is_dir() else []
        return sorted((int(match[1]) for match in map(_MARKER.fullmatch, names) if match), reverse=True)

    def _drop_old(self) -> None:
        steps = self._steps()
        for step in steps[KEPT:]:
            data, marker = self._paths(step)
            marker.unlink(missing_ok=True)
            data.unlink(missing_ok=True)
        kept = {path.name for step in steps[:KEPT] for path in self._paths(step)}
        for path in self._folder.glob("*step-*"):  # what a killed process left behind
            if path.name not in kept:
                path.unlink(missing_ok=True)


def _check(body: Marker) -> str:
    """The SHA-256 of a marker that has no `check` yet."""
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode("utf-8")).hexdigest()


def _write(path: Path, write: Callable[["_Stream"], object]) -> None:
    with replacing(path, durable=True) as aside, _Stream(aside) as stream:
        try:
            write(stream)
            stream.flush()
        except RuntimeError as error:
            # torch's writer hides what went wrong with the stream behind an error of its own.
            raise stream.error or error from None


class _Stream(io.BufferedWriter):
    """A file being written that remembers why writing failed."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path, "wb"))
        self.error: OSError | None = None

    def write(self, piece: Any, /) -> int:
        try:
            return super().write(piece)
        except OSError as error:
            self.error = error
            raise


def _cause(error: OSError) -> str:
    known = {
        errno.ENOSPC: "no space left on the disk",
        errno.EDQUOT: "disk quota exceeded",
        errno.EFBIG: "file size limit exceeded",
    }
    return known.get(error.errno or 0, error.strerror or str(error))
