"""The check of all pictures before the first step: every one is opened, and the usable ones must be enough."""

from collections.abc import Sequence

from contract.splits import SPLITS, TRAIN
from contract.visible import visible
from train.data.loader import Loader
from train.data.pictures import Collection
from train.errors import DataError
from train.ranks import Ranks
from train.report import Report

BATCH = 32
"""Pictures that a loader worker opens at a time."""


def find_unusable(collection: Collection, loader: Loader, ranks: Ranks, report: Report, limit: int) -> list[int]:
    """Positions of the pictures that cannot be opened. Raises DataError when they are more than `limit`.

    Each rank opens its share; where the job is asked to stop, the rest is not opened.
    """
    own = list(range(len(collection.pictures)))[ranks.rank :: ranks.size]
    batches = [own[at : at + BATCH] for at in range(0, len(own), BATCH)]
    found: list[tuple[int, str]] = []
    for number, texts in enumerate(loader.checks(batches)):
        found += [(index, text) for index, text in zip(batches[number], texts, strict=True) if text]
        report.progress(f"checking pictures {(number + 1) * BATCH * ranks.size}/{len(collection.pictures)}")
        if ranks.stop_asked():
            break
    bad = sorted(pair for part in ranks.gathered(found) for pair in part)
    if bad:
        shown = "; ".join(f"{visible(collection.pictures[index].name)}: {text}" for index, text in bad[:5])
        text = f"{len(bad)} of {len(collection.pictures)} pictures cannot be used: {shown}{'; ...' if len(bad) > 5 else ''}"
        if len(bad) > limit:
            raise DataError(f"{len(bad)} bad pictures, max-bad-images is {limit}: remove them or raise max-bad-images. {text}")
        report.say(f"left out, {text}")
    return [index for index, _ in bad]


def require_enough(collection: Collection, channels: Sequence[str], bad: list[int], ranks: int) -> None:
    """Raises DataError for a split or a class without usable pictures, and for fewer pictures than processes."""
    indices = {split: collection.indices(split, without=bad) for split in SPLITS if split in channels}
    for split, found in indices.items():
        if not found:
            raise DataError(f"channel {split}: no usable pictures")
    present = {collection.pictures[index].label for index in indices[TRAIN]}
    empty = [name for label, name in enumerate(collection.classes) if label not in present]
    if empty:
        raise DataError(f"channel train: no usable pictures of {len(empty)} class(es): {visible(', '.join(empty[:5]))}")
    if len(indices[TRAIN]) < ranks:
        raise DataError(f"channel train: {len(indices['train'])} pictures for {ranks} processes")
