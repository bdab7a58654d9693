"""The pictures of the input channels and their classes, listed. Opens none of them, and imports no torch.

A channel holds one folder per class. The classes are the sorted folder names of `train`, so their order depends on names
only; the other channels may lack classes but not have others.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from contract.splits import SPLITS, TRAIN
from train.errors import DataError

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff", ".avif", ".heic", ".heif"}
    | {".fits", ".fit", ".svg", ".ico", ".jp2", ".psd", ".ppm", ".pgm", ".tga"}
)
"""Files that call themselves pictures. Those in a format we do not open count as bad; a file of any other name is ignored."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One file. `name`: channel and path within it. `problem`: why it must not be opened, where that is known by now."""

    path: Path
    name: str
    split: str
    label: int
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Collection:
    """All pictures of a job, in an order that only file names decide."""

    classes: tuple[str, ...]
    pictures: tuple[Picture, ...]

    def indices(self, split: str, without: Sequence[int] = ()) -> list[int]:
        """Positions in `pictures` of one split, leaving out `without`."""
        skipped = set(without)
        return [at for at, picture in enumerate(self.pictures) if picture.split == split and at not in skipped]


def collect(channels: dict[str, Path]) -> Collection:
    """List the pictures of the channels `train`, `validation` and, where there is one, `test`.

    Raises DataError where a channel has no class folders, fewer than two classes, or a class that `train` lacks.
    """
    classes = _folders(channels[TRAIN])
    if len(classes) < 2:
        found = f"{len(classes)} ({classes[0]!r})" if classes else "none"
        raise DataError(f"channel train: needs one folder for each of two or more classes; found {found}")
    pictures: list[Picture] = []
    for split in (name for name in SPLITS if name in channels):
        unknown = sorted(set(_folders(channels[split])) - set(classes))
        if unknown:
            shown = ", ".join(unknown[:5]) + (" ..." if len(unknown) > 5 else "")
            raise DataError(f"channel {split}: {len(unknown)} class folder(s) that channel train lacks: {shown}")
        for label, name in enumerate(classes):
            pictures += _files(channels[split], split, name, label)
    return Collection(tuple(classes), tuple(pictures))


def _folders(channel: Path) -> list[str]:
    return sorted(entry.name for entry in os.scandir(channel) if entry.is_dir() and not entry.name.startswith("."))


def _files(channel: Path, split: str, class_name: str, label: int) -> list[Picture]:
    root = channel.resolve()
    found = []
    start = channel / class_name
    if start.is_symlink() and not _inside(start, root):
        return [Picture(start, f"{split}/{class_name}", split, label, "is a link to a place outside its channel")]
    for folder, folders, files in os.walk(start):
        folders.sort()
        for name in sorted(files) + [name for name in folders if os.path.islink(os.path.join(folder, name))]:
            path = Path(folder, name)
            if not name.startswith(".") and (path.suffix.lower() in SUFFIXES or name in folders):
                shown = f"{split}/{path.relative_to(channel).as_posix()}"
                found.append(Picture(path, shown, split, label, _problem(path, root)))
    return found


def _problem(path: Path, root: Path) -> str:
    if path.is_symlink() and not _inside(path, root):
        return "is a link to a place outside its channel"
    if not path.is_file():
        return "is not a regular file"
    return ""


def _inside(path: Path, root: Path) -> bool:
    try:
        return path.resolve(strict=True).is_relative_to(root)
    except (OSError, RuntimeError):
        return False
