"""Which pictures make which step: every picture once an epoch, in equal batches, the same however often a job restarts."""

import numpy as np
import pytest

from train.data import batch_order


@pytest.mark.parametrize(("pictures", "batch_size"), [(100, 64), (65, 64), (64, 64), (7, 64), (1727, 64), (5, 1)])
def test_an_epoch_takes_each_picture_once_in_equal_batches(pictures: int, batch_size: int) -> None:
    batches = batch_order.epoch_batches(range(10, 10 + pictures), batch_size, 0, 3)
    assert sorted(np.concatenate(batches).tolist()) == list(range(10, 10 + pictures))
    sizes = [len(batch) for batch in batches]
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1
    assert len(batches) == batch_order.steps_per_epoch(pictures, batch_size)


def test_order_follows_from_seed_and_epoch_alone() -> None:
    def digests(seed: int, epoch: int) -> list[str]:
        return [batch_order.batch_digest(batch) for batch in batch_order.epoch_batches(range(50), 8, seed, epoch)]

    assert digests(1, 2) == digests(1, 2)
    assert len({digests(seed, epoch)[0] for seed in range(3) for epoch in range(3)}) == 9


@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_each_picture_of_a_batch_goes_to_one_rank(world_size: int) -> None:
    batch = list(range(7))
    parts = [batch_order.rank_part(batch, rank, world_size) for rank in range(world_size)]
    assert sorted(index for part in parts for index in part) == batch
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_seeds_of_steps_and_ranks_differ() -> None:
    seeds = {batch_order.step_seed(seed, step, rank) for seed in range(3) for step in range(100) for rank in range(2)}
    assert len(seeds) == 600
    assert max(seeds) < 2**63
