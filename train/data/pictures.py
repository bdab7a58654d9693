"""The pictures of the input channels and their classes, listed. Opens none of them, and imports no torch.

A channel holds one folder per class. The classes are the sorted folder names of `train`, so their order depends on names
only; the other channels may lack classes but not have others. `contract.pictures.picture_listing` says which files are pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from contract.pictures.picture_listing import class_folders, listing
from contract.splits import SPLITS, TRAIN
from contract.visible import visible
from train.errors import DataError


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
    """All pictures of a job, in an order that only file names decide. `remarks`: what else lies in the channels, a line each."""

    classes: tuple[str, ...]
    pictures: tuple[Picture, ...]
    remarks: tuple[str, ...] = ()

    def indices(self, split: str, without: Sequence[int] = ()) -> list[int]:
        """Positions in `pictures` of one split, leaving out `without`."""
        skipped = set(without)
        return [at for at, picture in enumerate(self.pictures) if picture.split == split and at not in skipped]


def collect(channels: dict[str, Path]) -> Collection:
    """List the pictures of the channels `train`, `validation` and, where there is one, `test`.

    Raises DataError where a channel has no class folders, fewer than two classes, or a class that `train` lacks.
    """
    classes = class_folders(channels[TRAIN])
    if len(classes) < 2:
        found = f"{len(classes)} ({classes[0]!r})" if classes else "none"
        raise DataError(f"channel train: needs one folder for each of two or more classes; found {found}")
    pictures: list[Picture] = []
    remarks: list[str] = []
    for split in (name for name in SPLITS if name in channels):
        listed = listing(channels[split])
        unknown = sorted(set(listed.classes) - set(classes))
        if unknown:
            shown = visible(", ".join(unknown[:5])) + (" ..." if len(unknown) > 5 else "")
            raise DataError(f"channel {split}: {len(unknown)} class folder(s) that channel train lacks: {shown}")
        label = {name: number for number, name in enumerate(classes)}
        pictures += [
            Picture(found.path, f"{split}/{found.name}", split, label[found.class_name], found.problem)
            for found in listed.pictures
        ]
        if left := listed.left_out_words():
            remarks.append(f"channel {split}: left out {left}")
    return Collection(tuple(classes), tuple(pictures), tuple(remarks))
