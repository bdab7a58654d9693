"""The batches of each epoch: one permutation of the pictures, cut into nearly equal batches, each shared out among the ranks.

The order follows from (seed, epoch), so a resumed job goes on where it stopped although no order was saved.
"""

import hashlib
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Indices = Sequence[int] | npt.NDArray[np.int64]


def steps_per_epoch(pictures: int, batch_size: int) -> int:
    return math.ceil(pictures / batch_size)


def smallest_batch(pictures: int, batch_size: int) -> int:
    """Pictures in the smallest batch of an epoch; none is more than one smaller than another."""
    return pictures // steps_per_epoch(pictures, batch_size)


def epoch_batches(indices: Sequence[int], batch_size: int, seed: int, epoch: int) -> list[npt.NDArray[np.int64]]:
    """The epoch's batches, of nearly equal size and of at most `batch_size`: a tiny last batch would weigh its few
    pictures as much as a whole batch's, and leave a rank with none."""
    shuffled = np.random.default_rng((seed, epoch)).permutation(np.asarray(indices, dtype=np.int64))
    return np.array_split(shuffled, steps_per_epoch(len(shuffled), batch_size))


def rank_part(batch: Indices, rank: int, world_size: int) -> list[int]:
    """The pictures of a batch that one rank takes; every picture goes to exactly one rank."""
    return [int(index) for index in batch[rank::world_size]]


def batch_digest(batch: Indices) -> str:
    """Identifies a batch's pictures and their order by 16 hex digits."""
    return hashlib.sha256(np.asarray(batch, dtype="<i8").tobytes()).hexdigest()[:16]


def step_seed(seed: int, step: int, rank: int) -> int:
    """The seed of dropout and the like in one step of one rank."""
    return int(np.random.SeedSequence((seed, step, rank)).generate_state(1, np.uint64)[0] >> np.uint64(1))
