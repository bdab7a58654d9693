"""Decoded pictures kept on disk: the same pixels, whole or absent, within bounds, and never a reason to fail."""

import os
from pathlib import Path

import numpy as np
from PIL import Image

from contract.pictures.picture import open_picture
from contract.pictures.preprocess import Preprocessing
from tests.support.train_jobs import draw
from train.data import cache
from train.data.cache import Cache
from train.data.loader import Loader
from train.data.pictures import collect


def picture(width: int = 40, height: int = 30) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


def test_a_picture_comes_back_pixel_for_pixel(tmp_path: Path) -> None:
    kept = cache.create(tmp_path / "pictures", 10)
    assert kept is not None and kept.allowance <= cache.LARGEST // 10
    assert kept.get(3) is None
    kept.put(3, picture())
    found = kept.get(3)
    assert found is not None and found.size == (40, 30) and np.array_equal(np.asarray(found), np.asarray(picture()))
    assert [path.name for path in kept.folder.iterdir()] == ["3.rgb"]


def test_what_is_over_the_allowance_is_left_out(tmp_path: Path) -> None:
    kept = Cache(tmp_path, allowance=40 * 30 * 3 + 8)
    kept.put(0, picture())
    kept.put(1, picture(41, 30))
    assert kept.get(0) is not None and kept.get(1) is None


def test_a_disk_that_takes_nothing_is_no_error(tmp_path: Path) -> None:
    kept = Cache(tmp_path / "gone", allowance=1 << 20)
    kept.put(0, picture())
    assert kept.get(0) is None
    (tmp_path / "file").touch()
    assert cache.create(tmp_path / "file" / "pictures", 1) is None
    full = Cache(Path("/dev/full"), allowance=1 << 20)
    full.put(0, picture())
    assert full.get(0) is None


def test_epochs_are_the_same_with_and_without_it(tmp_path: Path) -> None:
    draw(tmp_path, "train", 3)
    draw(tmp_path, "validation", 1)
    collection = collect({split: tmp_path / split for split in ("train", "validation")})
    kept = cache.create(tmp_path / "pictures", len(collection.pictures))
    assert kept is not None
    spec = Preprocessing(resize=37, crop=32)
    batches = [list(range(len(collection.pictures)))]
    with_it, without = (
        Loader(collection.pictures, spec, seed=0, augment=True, workers=0, batch=9, pin=False, cache=used)
        for used in (kept, None)
    )
    assert list(with_it.checks(batches)) == list(without.checks(batches))
    assert len(os.listdir(kept.folder)) == len(collection.pictures)
    for name in ("training", "evaluation"):
        first, second = (getattr(made, name)(*([0] if name == "training" else []), batches) for made in (with_it, without))
        assert np.array_equal(next(first).pixels.numpy(), next(second).pixels.numpy())
    collection.pictures[0].path.unlink()  # from now on only the cache has it
    assert len(next(with_it.evaluation([[0]])).labels) == 1
    assert open_picture(collection.pictures[1].path, shorter_side=37).size == kept.get(1).size
