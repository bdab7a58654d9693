"""Augmentation: right shape, moderate, and a function of seed, epoch and index only."""

import numpy as np
import pytest
from PIL import Image

from train.data.augment import _box, augmented


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8))


def test_a_variation_depends_on_seed_epoch_and_index_only(picture: Image.Image) -> None:
    first = augmented(picture, 32, 1, 2, 3)
    assert first.shape == (32, 32, 3) and first.dtype == np.uint8
    np.random.seed(5)
    assert np.array_equal(first, augmented(picture, 32, 1, 2, 3))
    for other in ((2, 2, 3), (1, 3, 3), (1, 2, 4)):
        assert not np.array_equal(first, augmented(picture, 32, *other))


def test_half_of_the_variations_are_mirrored() -> None:
    # Dark left, bright right: a crop keeps that, a mirror turns it.
    slope = Image.fromarray(np.tile(np.arange(100, dtype=np.uint8)[None, :, None], (100, 1, 3)))
    mirrored = [int(varied[0, 0, 0]) > int(varied[0, -1, 0]) for varied in (augmented(slope, 16, 0, 0, at) for at in range(400))]
    assert 0.4 < np.mean(mirrored) < 0.6


@pytest.mark.parametrize("size", [(640, 480), (3, 4000), (1, 1), (2000, 2)])
def test_a_crop_lies_within_the_picture(size: tuple[int, int]) -> None:
    for number in range(200):
        left, top, right, bottom = _box(*size, np.random.default_rng(number))
        assert 0 <= left < right <= size[0] and 0 <= top < bottom <= size[1]
