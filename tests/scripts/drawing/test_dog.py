"""A dog is built as its breed says: the forms are there, the proportions hold, the colours are drawn by lot."""

import numpy as np
import pytest

from scripts.drawing.breed import BREEDS, Breed
from scripts.drawing.coat import body_marks, face_marks, palette
from scripts.drawing.dog import build_dog
from scripts.drawing.scene import oval


def stretch(breed: Breed, seed: int) -> float:
    """How many times longer than tall the dog is."""
    points = np.concatenate([shape for part in build_dog(breed, np.random.default_rng(seed)) for shape in part.shapes])
    span = points.max(axis=0) - points.min(axis=0)
    return float(span[0] / span[1])


def named(name: str) -> Breed:
    return next(breed for breed in BREEDS if breed.name == name)


def test_names_are_different_and_in_order() -> None:
    names = [breed.name for breed in BREEDS]
    assert names == sorted(set(names))


@pytest.mark.parametrize("breed", BREEDS, ids=lambda breed: breed.name)
def test_every_shape_is_a_sound_polygon(breed: Breed) -> None:
    for seed in range(5):
        parts = build_dog(breed, np.random.default_rng(seed))
        shapes = [shape for part in parts for shape in (*part.shapes, *(mark for mark, _ in part.marks))]
        assert all(shape.ndim == 2 and shape.shape[1] == 2 and len(shape) >= 3 for shape in shapes)
        assert all(np.isfinite(shape).all() for shape in shapes)


def test_proportions_tell_breeds_apart_whatever_the_seed() -> None:
    for seed in range(20):
        assert stretch(named("Hallway_hound"), seed) > 1.3 * stretch(named("Domino_dog"), seed)
        assert stretch(named("Cloud_poodle"), seed) < stretch(named("Loaf_corgi"), seed)


def test_no_two_breeds_share_their_forms() -> None:
    forms = [(breed.ear, breed.tail, breed.coat, breed.extras) for breed in BREEDS]
    assert len(set(forms)) == len(forms)


def test_patterned_coats_are_painted_in_the_second_colour() -> None:
    rng = np.random.default_rng(0)
    colours = palette(rng)
    for breed in BREEDS:
        used = {tone for _, tone in body_marks(breed, colours, oval(0, 1, 0.5, 0.3), rng)}
        assert (colours.second in used) == (breed.coat in ("bib", "saddle", "spots", "stripes")), breed.name
        if breed.coat in ("bib", "saddle", "spots", "stripes", "strands"):
            assert face_marks(breed, colours, 0.4, rng)


def test_the_two_colours_of_a_coat_are_far_apart() -> None:
    for seed in range(200):
        colours = palette(np.random.default_rng(seed))
        assert abs(max(colours.coat) - max(colours.second)) > 55
