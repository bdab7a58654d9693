"""Batches from worker processes: the right pixels, the same whoever decodes them, and clear words when workers die."""

import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from contract.pictures.picture import open_picture
from contract.pictures.preprocess import Preprocessing, affine, prepare
from tests.support.train_jobs import draw
from train.data.loader import Loader
from train.data.pictures import Collection, collect
from train.errors import DataError, LoaderError, SharedMemoryError

SPEC = Preprocessing(resize=37, crop=32)


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    folder = tmp_path_factory.mktemp("data")
    draw(folder, "train", 6)
    return collect({"train": folder / "train"})


def loader(collection: Collection, workers: int, batch: int = 4) -> Loader:
    return Loader(collection.pictures, SPEC, seed=7, augment=True, workers=workers, batch=batch, pin=False)


def test_evaluation_is_bit_for_bit_what_serving_prepares(collection: Collection) -> None:
    scale, shift = (torch.from_numpy(values) for values in affine(SPEC))
    for batch in loader(collection, 0).evaluation([[3, 11]]):
        inputs = (batch.pixels.to(torch.float32) * scale - shift).permute(0, 3, 1, 2)
        assert inputs.is_contiguous(memory_format=torch.channels_last)
        for at, index in enumerate((3, 11)):
            picture = open_picture(collection.pictures[index].path, shorter_side=SPEC.resize)
            assert np.array_equal(inputs[at].numpy(), prepare(picture, SPEC))
        assert batch.labels.tolist() == [0, 1]


def test_augmented_batches_do_not_depend_on_the_workers(collection: Collection) -> None:
    plan = [[0, 5, 9], [17, 2], [8, 1, 4]]
    alone, two = ([batch.pixels for batch in loader(collection, workers).training(3, plan)] for workers in (0, 2))
    assert all(torch.equal(one, other) for one, other in zip(alone, two, strict=True))
    resumed = [batch.pixels for batch in loader(collection, 0).training(3, plan[1:])]
    assert torch.equal(resumed[0], alone[1])
    later = next(iter(loader(collection, 0).training(4, plan)))
    assert not torch.equal(later.pixels, alone[0])


def test_a_picture_that_goes_bad_later_is_named(tmp_path: Path) -> None:
    draw(tmp_path, "train", 1)
    found = collect({"train": tmp_path / "train"})
    found.pictures[1].path.write_bytes(b"gone")
    with pytest.raises(DataError, match=r"^train/b/000.png: could be read when the job began, and no longer: not a picture"):
        list(loader(found, 1).evaluation([[0, 1]]))


def test_too_little_shared_memory_is_told_before_it_is_used(collection: Collection) -> None:
    with pytest.raises(
        SharedMemoryError, match=r"/dev/shm has [\d,]+ MiB free and 2 loader workers need [\d,]+ MiB; .*--shm-size"
    ):
        loader(collection, 2, batch=10**9)


def test_a_killed_worker_is_told_at_once(collection: Collection) -> None:
    batches = loader(collection, 1).evaluation([[at % 18] * 4 for at in range(2000)])
    next(batches)
    before = {child.pid for child in psutil.Process().children()}
    victim = max(before)  # the youngest
    psutil.Process(victim).kill()
    started = time.monotonic()
    with pytest.raises(LoaderError, match=r"1 loader worker\(s\) died or hung .*shared memory"):
        for _ in batches:
            pass
    print(f"told {time.monotonic() - started:.2f} s after the kill")
    assert time.monotonic() - started < 30
