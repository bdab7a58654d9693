"""Decoded batches from worker processes, so that the network never waits for a picture it need not wait for.

One set of workers lives as long as the job and does all the reading: the first check of every picture, training with its
augmentation, and evaluation. Batches travel as uint8 through /dev/shm; normalising is the network's side.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from contract.errors import PictureError
from contract.picture import open_picture
from contract.preprocess import Preprocessing, crop_pixels
from contract.reason import first_line
from train import machine
from train.data.augment import augmented
from train.data.cache import Cache
from train.data.pictures import Picture
from train.errors import DataError, LoaderError, SharedMemoryError

PREFETCH = 2
"""Batches each worker keeps ready."""
WAIT = 120
"""Seconds to wait for a batch before calling the workers stuck."""
_CHECK, _EVALUATE = -2, -1


class Key(NamedTuple):
    """What a worker is asked for: picture `index`, varied as in training epoch `epoch`, or plain, or only checked."""

    epoch: int
    index: int


@dataclass(frozen=True, slots=True)
class Batch:
    """`pixels`: uint8 [n, side, side, 3]. `labels`: int64 [n]."""

    pixels: torch.Tensor
    labels: torch.Tensor

    def pin_memory(self) -> "Batch":
        return Batch(self.pixels.pin_memory(), self.labels.pin_memory())


class _Pictures(Dataset):
    def __init__(self, pictures: Sequence[Picture], spec: Preprocessing, seed: int, augment: bool, cache: Cache | None) -> None:
        self._pictures, self._spec, self._seed, self._augment, self._cache = pictures, spec, seed, augment, cache

    def __getitem__(self, key: Key) -> tuple[np.ndarray, int] | str:
        picture = self._pictures[key.index]
        if key.epoch == _CHECK:
            return self._problem(picture, key.index)
        try:
            kept = self._cache.get(key.index) if self._cache else None
            image = kept or open_picture(picture.path, shorter_side=self._spec.resize)
        except PictureError as error:
            return f"{picture.name}: could be read when the job began, and now {error}"
        if key.epoch >= 0 and self._augment:
            return augmented(image, self._spec.crop, self._seed, key.epoch, key.index), picture.label
        return crop_pixels(image, self._spec), picture.label

    def _problem(self, picture: Picture, index: int) -> str:
        if picture.problem:
            return picture.problem
        try:
            image = open_picture(picture.path, shorter_side=self._spec.resize)
        except PictureError as error:
            return str(error)
        if self._cache:
            self._cache.put(index, image)
        return ""


def _collate(samples: list[tuple[np.ndarray, int] | str]) -> Batch | list[str]:
    """A batch, or the texts among the samples. An exception would come out of the worker wrapped in its traceback."""
    if texts := [sample for sample in samples if isinstance(sample, str)]:
        return texts
    pixels = np.stack([pixels for pixels, _ in samples])
    return Batch(torch.from_numpy(pixels), torch.tensor([label for _, label in samples]))


class _Plan:
    """The batches of keys to come; a DataLoader with persistent workers asks for them anew each time it is iterated."""

    def __init__(self) -> None:
        self.batches: list[list[Key]] = []

    def __iter__(self) -> Iterator[list[Key]]:
        return iter(self.batches)

    def __len__(self) -> int:
        return len(self.batches)


class Loader:
    """Reads pictures by their position in the collection, in `workers` processes; in this one when there are none.

    `cache`: filled by the check, read afterwards."""

    def __init__(
        self,
        pictures: Sequence[Picture],
        spec: Preprocessing,
        *,
        seed: int,
        augment: bool,
        workers: int,
        batch: int,
        pin: bool,
        cache: Cache | None = None,
    ) -> None:
        _check_shared_memory(workers, batch * spec.crop * spec.crop * 3)
        self.workers = workers
        self._plan = _Plan()
        self._loader = DataLoader(
            _Pictures(pictures, spec, seed, augment, cache),
            batch_sampler=self._plan,
            num_workers=workers,
            collate_fn=_collate,
            prefetch_factor=PREFETCH if workers else None,
            persistent_workers=workers > 0,
            pin_memory=pin,
            timeout=WAIT if workers else 0,
        )

    def training(self, epoch: int, batches: Sequence[Sequence[int]]) -> Iterator[Batch]:
        return self._decoded([[Key(epoch, index) for index in batch] for batch in batches])

    def evaluation(self, batches: Sequence[Sequence[int]]) -> Iterator[Batch]:
        return self._decoded([[Key(_EVALUATE, index) for index in batch] for batch in batches])

    def checks(self, batches: Sequence[Sequence[int]]) -> Iterator[list[str]]:
        """For each picture why it cannot be used; an empty string where it can."""
        return self._run([[Key(_CHECK, index) for index in batch] for batch in batches])

    def _decoded(self, batches: list[list[Key]]) -> Iterator[Batch]:
        for batch in self._run(batches):
            if isinstance(batch, list):
                raise DataError(batch[0])
            yield batch

    def _run(self, batches: list[list[Key]]) -> Iterator:
        self._plan.batches = batches
        try:
            yield from self._loader
        except (RuntimeError, ConnectionError, EOFError) as error:
            raise explained(error, self.workers) from None


def _check_shared_memory(workers: int, batch_bytes: int) -> None:
    # What the workers keep ready, the batch on its way and the one in use.
    needed = (workers * PREFETCH + 2) * batch_bytes
    free = machine.shared_memory_free()
    if workers and needed > free:
        raise SharedMemoryError(
            f"shared memory: /dev/shm has {free >> 20:,} MiB free and {workers} loader workers need {(needed >> 20) + 1:,} MiB; "
            f"enlarge it (docker run --shm-size), or lower loader-workers or batch-size"
        )


def explained(error: RuntimeError | ConnectionError | EOFError, workers: int) -> Exception:
    """DataLoader tells of dead workers and of full shared memory in RuntimeErrors, or loses its connection to them."""
    text = str(error) or type(error).__name__
    signs = ("DataLoader worker", "DataLoader timed out", "shared memory")
    if isinstance(error, RuntimeError) and not any(sign in text for sign in signs):
        return error
    return LoaderError(
        f"one of {workers} loader worker(s) died or hung (shared memory: {machine.shared_memory_free() >> 20:,} MiB free in "
        f"/dev/shm); lower loader-workers, or enlarge memory or /dev/shm: {first_line(error)}"
    )
