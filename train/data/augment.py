"""Augmentation of a training picture: a crop of random place, size and shape, scaled to the input size and perhaps mirrored.

Each sample draws from a generator of its own, seeded by (seed, epoch, index), so what comes out depends neither on which
process decodes it nor on where a job was resumed. Evaluation and serving use contract.pictures.preprocess, never this.
"""

import math

import numpy as np
import numpy.typing as npt
from PIL import Image

_AREA = (0.35, 1.0)
"""Share of the picture's area a crop keeps."""
_RATIO = (3 / 4, 4 / 3)
"""Width to height of a crop."""
_TRIES = 10


def augmented(picture: Image.Image, side: int, seed: int, epoch: int, index: int) -> npt.NDArray[np.uint8]:
    """An RGB picture augmented: uint8 [side, side, 3]. The same seed, epoch and index give the same pixels."""
    draw = np.random.default_rng((seed, epoch, index))
    box = _box(*picture.size, draw)
    pixels = np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR, box=box))
    return pixels[:, ::-1] if draw.random() < 0.5 else pixels


def _box(width: int, height: int, draw: np.random.Generator) -> tuple[int, int, int, int]:
    """A crop within the picture; the largest centred square where its shape allows no draw."""
    for _ in range(_TRIES):
        area = width * height * draw.uniform(*_AREA)
        ratio = math.exp(draw.uniform(math.log(_RATIO[0]), math.log(_RATIO[1])))
        across, down = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < across <= width and 0 < down <= height:
            left, top = int(draw.integers(0, width - across + 1)), int(draw.integers(0, height - down + 1))
            return left, top, left + across, top + down
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side
