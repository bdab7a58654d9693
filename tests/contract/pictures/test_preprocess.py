"""One preprocessing: equal to torchvision's transform within one grey level a pixel, and strict about its own JSON."""

import numpy as np
import pytest
from PIL import Image
from torchvision import transforms

from contract.errors import ArtefactError
from contract.pictures.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocessing, crop_pixels, prepare

SIZES = [(500, 459), (459, 500), (256, 256), (257, 256), (300, 1000), (64, 48), (1, 1), (31, 33), (1200, 803)]


def textured(width: int, height: int) -> Image.Image:
    rng = np.random.default_rng(width * 10_007 + height)
    coarse = Image.fromarray(rng.integers(0, 256, (7, 9, 3), dtype=np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
    noise = rng.integers(-40, 41, (height, width, 3))
    return Image.fromarray((np.asarray(coarse).astype(int) + noise).clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("spec", [Preprocessing(), Preprocessing(resize=73, crop=64), Preprocessing(resize=288, crop=288)])
def test_pixels_equal_torchvisions_within_one_grey_level(size: tuple[int, int], spec: Preprocessing) -> None:
    picture = textured(*size)
    theirs = transforms.Compose([transforms.Resize(spec.resize), transforms.CenterCrop(spec.crop)])(picture)
    difference = np.abs(crop_pixels(picture, spec).astype(int) - np.asarray(theirs).astype(int))
    assert difference.max() <= 1


def test_the_prepared_tensor_equals_torchvisions() -> None:
    spec, picture = Preprocessing(), textured(640, 427)
    whole = transforms.Compose(
        [
            transforms.Resize(spec.resize),
            transforms.CenterCrop(spec.crop),
            transforms.ToTensor(),
            transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD),
        ]
    )
    ours, theirs = prepare(picture, spec), whole(picture).numpy()
    assert ours.shape == (3, 224, 224) and ours.dtype == np.float32 and ours.flags.c_contiguous
    assert np.abs(ours - theirs).max() <= 1.01 / 255 / min(IMAGENET_STD)


def test_real_dogs_equal_torchvisions(shared_data) -> None:
    spec = Preprocessing()
    worst = 0
    for path in sorted((shared_data / "dogs" / "valid").glob("*/*.jpg"))[::8]:
        picture = Image.open(path).convert("RGB")
        theirs = transforms.Compose([transforms.Resize(spec.resize), transforms.CenterCrop(spec.crop)])(picture)
        worst = max(worst, int(np.abs(crop_pixels(picture, spec).astype(int) - np.asarray(theirs).astype(int)).max()))
    print(f"largest difference on real pictures: {worst} grey level")
    assert worst <= 1


def test_a_thread_of_a_picture_costs_no_giant() -> None:
    """4,000 x 3 scaled whole would be 341,333 x 256 pixels; only the crop is ever made."""
    assert crop_pixels(textured(4000, 3), Preprocessing()).shape == (224, 224, 3)


def test_json_round_trip() -> None:
    spec = Preprocessing(resize=73, crop=64, mean=(0.1, 0.2, 0.3))
    assert Preprocessing.from_json(spec.to_json()) == spec


@pytest.mark.parametrize(
    "change",
    [
        {"crop": 300},
        {"crop": "224"},
        {"crop": True},
        {"std": [0, 1, 1]},
        {"mean": [1, 2]},
        {"interpolation": "lanczos"},
        {"more": 1},
    ],
)
def test_a_wrong_field_is_named(change: dict) -> None:
    with pytest.raises(ArtefactError, match="preprocessing"):
        Preprocessing.from_json(Preprocessing().to_json() | change)
