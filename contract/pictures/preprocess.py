"""The one preprocessing that training evaluates with and serving runs: shorter side, centre crop, scale, normalise.

Equal to torchvision's `Resize(resize)`, `CenterCrop(crop)`, `ToTensor()`, `Normalize(mean, std)` on a PIL picture, within
one grey level a pixel; a test holds it to that. Augmentation is the training program's and not described here.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from contract.errors import ArtefactError

Pixels = npt.NDArray[np.uint8]
Values = npt.NDArray[np.float32]
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocessing:
    """How a picture becomes the network's input.

    `resize`: pixels of the shorter side after scaling. `crop`: side of the square cut from the middle, at most `resize`.
    `mean`, `std`: of the three channels, red first, on values from 0 to 1.
    """

    resize: int = 256
    crop: int = 224
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD

    def __post_init__(self) -> None:
        if not 8 <= self.crop <= self.resize <= 4096:
            raise ArtefactError(f"preprocessing: crop {self.crop}, resize {self.resize}; need 8 <= crop <= resize <= 4096")
        if not all(value > 0 for value in self.std):
            raise ArtefactError(f"preprocessing: mean {self.mean}, std {self.std}; need std above 0")

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"mean": list(self.mean), "std": list(self.std), "interpolation": "bilinear", "channels": "RGB"}

    @classmethod
    def from_json(cls, value: Any) -> "Preprocessing":
        """Raises ArtefactError for a field that is missing, unknown or of the wrong kind."""
        fixed = {"interpolation": "bilinear", "channels": "RGB"}
        if not isinstance(value, dict) or set(value) != {"resize", "crop", "mean", "std", *fixed}:
            raise ArtefactError("preprocessing: need exactly resize, crop, mean, std, interpolation and channels")
        for name, known in fixed.items():
            if value[name] != known:
                raise ArtefactError(f"preprocessing: {name} is {value[name]!r}; this version knows {known!r}")
        try:
            return cls(
                resize=_whole(value["resize"]),
                crop=_whole(value["crop"]),
                mean=_three(value["mean"]),
                std=_three(value["std"]),
            )
        except (TypeError, ValueError) as error:
            raise ArtefactError(f"preprocessing: {error}") from None


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{value!r} is not a whole number")
    return value


def _three(value: Any) -> tuple[float, float, float]:
    numbers = [float(number) for number in value]
    if len(numbers) != 3:
        raise ValueError(f"{str(value)[:80]} are not three numbers")
    return numbers[0], numbers[1], numbers[2]


def crop_pixels(picture: Image.Image, spec: Preprocessing) -> Pixels:
    """The scaled middle of an RGB picture: uint8, [crop, crop, 3].

    Scales only what the crop keeps: `box` gives the resampler the same sample points as scaling all and cutting after.
    """
    width, height = picture.size
    short, long = min(width, height), max(width, height)
    scaled_long = int(spec.resize * long / short)
    scaled = (spec.resize, scaled_long) if width <= height else (scaled_long, spec.resize)
    left = round((scaled[0] - spec.crop) / 2.0)
    top = round((scaled[1] - spec.crop) / 2.0)
    across, down = width / scaled[0], height / scaled[1]
    box = (left * across, top * down, min((left + spec.crop) * across, width), min((top + spec.crop) * down, height))
    return np.asarray(picture.resize((spec.crop, spec.crop), Image.Resampling.BILINEAR, box=box))


def affine(spec: Preprocessing) -> tuple[Values, Values]:
    """(scale, shift) of the three channels, float32: a grey level times scale, less shift, is the network's input."""
    scale = (1.0 / (255.0 * np.asarray(spec.std))).astype(np.float32)
    shift = (np.asarray(spec.mean) / np.asarray(spec.std)).astype(np.float32)
    return scale, shift


def normalise(pixels: Pixels, spec: Preprocessing) -> Values:
    """uint8 [crop, crop, 3] to contiguous float32 [3, crop, crop]."""
    scale, shift = affine(spec)
    return np.ascontiguousarray((pixels * scale - shift).transpose(2, 0, 1), dtype=np.float32)


def prepare(picture: Image.Image, spec: Preprocessing) -> Values:
    """An RGB picture to the network's input: float32 [3, crop, crop]."""
    return normalise(crop_pixels(picture, spec), spec)
