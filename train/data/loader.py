"""The loader reads and decodes pictures in worker processes and hands out batches, so that the network seldom waits for one.

One set of workers lives as long as the job and does all the reading: the first check of every picture, training with its
augmentation, and evaluation. Batches travel as uint8 through /dev/shm; inputs.py normalises them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, Dataset

from contract.errors import PictureError
from contract.pictures.picture import open_picture
from contract.pictures.preprocess import Preprocessing, crop_pixels
from contract.reason import first_line
from train.data import shared_memory
from train.data.augment import augmented
from train.data.cache import Cache
from train.data.pictures import Picture
from train.errors import DataError, LoaderError, SharedMemoryError

PREFETCH = 2
"""Batches each worker keeps ready."""
WAIT = 120
"""Seconds to wait for a batch before calling the workers stuck."""
_CHECK, _EVALUATE = -2, -1


class Request(NamedTuple):
    """One sample that a worker shall give: the picture at a position, augmented as in training epoch `epoch`; or plain
    (_EVALUATE), or only checked (_CHECK)."""

    epoch: int
    position: int


Pixels = npt.NDArray[np.uint8]
Sample = tuple[Pixels, int] | str
"""Pixels [side, side, 3] and label; or why there are none, empty for a checked picture without a problem."""


@dataclass(frozen=True, slots=True)
class Batch:
    """`pixels`: uint8 [n, side, side, 3]. `labels`: int64 [n]."""

    pixels: torch.Tensor
    labels: torch.Tensor

    def pin_memory(self) -> "Batch":
        return Batch(self.pixels.pin_memory(), self.labels.pin_memory())


class _Pictures(Dataset[Sample]):
    def __init__(self, pictures: Sequence[Picture], spec: Preprocessing, seed: int, augment: bool, cache: Cache | None) -> None:
        self._pictures, self._spec, self._seed, self._augment, self._cache = pictures, spec, seed, augment, cache

    def __getitem__(self, request: Request) -> Sample:
        picture = self._pictures[request.position]
        if request.epoch == _CHECK:
            return self._problem(picture, request.position)
        try:
            kept = self._cache.get(request.position) if self._cache else None
            image = kept or open_picture(picture.path, shorter_side=self._spec.resize)
        except PictureError as error:
            return f"{picture.name}: could be read when the job began, and no longer: {error}"
        if request.epoch >= 0 and self._augment:
            return augmented(image, self._spec.crop, self._seed, request.epoch, request.position), picture.label
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


def _collate(samples: list[Sample]) -> Batch | list[str]:
    """A batch, or the texts among the samples. An exception would come out of the worker wrapped in its traceback."""
    if texts := [sample for sample in samples if isinstance(sample, str)]:
        return texts
    decoded = [sample for sample in samples if not isinstance(sample, str)]
    pixels = np.stack([pixels for pixels, _ in decoded])
    return Batch(torch.from_numpy(pixels), torch.tensor([label for _, label in decoded]))


class _BatchSampler:
    """The DataLoader's batch sampler: the batches to come. One with persistent workers iterates over it anew for each pass."""

    def __init__(self) -> None:
        self.batches: list[list[Request]] = []

    def __iter__(self) -> Iterator[list[Request]]:
        return iter(self.batches)

    def __len__(self) -> int:
        return len(self.batches)


class Loader:
    """Reads pictures by their position in the collection, in `workers` processes; in this one when there are none.

    `batch`: pictures of the largest batch. `pin`: batches come in page-locked memory. `cache`: filled by the check, read
    afterwards. Raises SharedMemoryError where /dev/shm cannot hold the workers' batches.
    """

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
        self._sampler = _BatchSampler()
        self._loader = DataLoader(
            _Pictures(pictures, spec, seed, augment, cache),
            batch_sampler=self._sampler,
            num_workers=workers,
            collate_fn=_collate,
            prefetch_factor=PREFETCH if workers else None,
            persistent_workers=workers > 0,
            pin_memory=pin,
            timeout=WAIT if workers else 0,
        )

    def training(self, epoch: int, batches: Sequence[Sequence[int]]) -> Iterator[Batch]:
        """The batches of these positions, augmented. Raises DataError or LoaderError, as `evaluation` does."""
        return self._decoded([[Request(epoch, index) for index in batch] for batch in batches])

    def evaluation(self, batches: Sequence[Sequence[int]]) -> Iterator[Batch]:
        """The batches of these positions, preprocessed as serving does."""
        return self._decoded([[Request(_EVALUATE, index) for index in batch] for batch in batches])

    def checks(self, batches: Sequence[Sequence[int]]) -> Iterator[list[str]]:
        """For each picture why it cannot be used; an empty string where it can."""
        return self._run([[Request(_CHECK, index) for index in batch] for batch in batches])

    def _decoded(self, batches: list[list[Request]]) -> Iterator[Batch]:
        for batch in self._run(batches):
            if isinstance(batch, list):
                raise DataError(batch[0])
            yield batch

    def _run(self, batches: list[list[Request]]) -> Iterator[Any]:
        self._sampler.batches = batches
        try:
            yield from self._loader
        except (RuntimeError, ConnectionError, EOFError) as error:
            raise as_loader_error(error, self.workers) from None


def _check_shared_memory(workers: int, batch_bytes: int) -> None:
    # What the workers keep ready, the batch on its way and the one in use.
    needed = (workers * PREFETCH + 2) * batch_bytes
    free = shared_memory.free_bytes()
    if workers and needed > free:
        raise SharedMemoryError(
            f"shared memory: /dev/shm has {free >> 20:,} MiB free and {workers} loader workers need {(needed >> 20) + 1:,} MiB; "
            f"enlarge it (docker run --shm-size), or lower loader-workers or batch-size"
        )


def as_loader_error(error: RuntimeError | ConnectionError | EOFError, workers: int) -> Exception:
    """A LoaderError where the DataLoader lost its workers or its shared memory; any other error as it is.

    The DataLoader raises RuntimeErrors for both, or loses its connection to a worker.
    """
    text = str(error) or type(error).__name__
    signs = ("DataLoader worker", "DataLoader timed out", "shared memory")
    if isinstance(error, RuntimeError) and not any(sign in text for sign in signs):
        return error
    return LoaderError(
        f"one of {workers} loader worker(s) died or hung (shared memory: {shared_memory.free_bytes() >> 20:,} MiB free in "
        f"/dev/shm); lower loader-workers, or enlarge memory or /dev/shm: {first_line(error)}"
    )
