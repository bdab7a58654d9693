"""What is painted on a dog: its colours, drawn by lot, and the marks of its coat, laid down by its breed.

A mark is a shape and a colour, painted only where it falls on the dog. `dog.py` knows the dog's form, this file does not.
"""

from dataclasses import dataclass

import numpy as np

from scripts.drawing.breed import Breed
from scripts.drawing.scene import Colour, Shape, blob, hsv, limb, oval, shade

Mark = tuple[Shape, Colour]


@dataclass(frozen=True, slots=True)
class Palette:
    """`second` is much lighter or much darker than `coat`; `ink` is nearly black."""

    coat: Colour
    second: Colour
    ink: Colour
    collar: Colour


def palette(rng: np.random.Generator) -> Palette:
    """Mostly the colours of dogs, sometimes of sweets, never of a breed."""
    if rng.random() < 0.65:
        hue, saturation, value = rng.uniform(0.03, 0.12), rng.uniform(0.0, 0.65), rng.uniform(0.3, 1.0)
    else:
        hue, saturation, value = rng.random(), rng.uniform(0.15, 0.5), rng.uniform(0.5, 1.0)
    other = value - rng.uniform(0.4, 0.55) if value > 0.62 else value + rng.uniform(0.4, 0.6)
    second = hsv(hue + rng.normal(0, 0.02), saturation * rng.uniform(0.1, 0.9), max(other, 0.16))
    collar = hsv(rng.random(), rng.uniform(0.5, 0.9), rng.uniform(0.5, 0.95))
    return Palette(hsv(hue, saturation, value), second, hsv(hue, 0.35, rng.uniform(0.05, 0.14)), collar)


def body_marks(breed: Breed, colours: Palette, torso: Shape, rng: np.random.Generator) -> list[Mark]:
    """The pattern of the coat, over a belly that lies in shadow. Hip and shoulder stand at minus and plus half the length."""
    b, second = breed, colours.second
    shoulder, top = b.length / 2, b.leg + b.depth
    left, right = -shoulder - 0.4 * b.depth, shoulder + 0.6 * b.depth
    belly = [(left, b.leg - 0.06), (-0.3 * shoulder, b.leg + 0.5 * b.tuck * b.depth - 0.01), (right, b.leg - 0.08)]
    marks = [(limb(belly, [b.depth * 0.2, b.depth * 0.34, b.depth * 0.2]), shade(colours.coat, 0.86))]
    match b.coat:
        case "spots":
            marks += _spots((left, 0.1), (right, top + b.neck), 44, 0.07, second, rng)
        case "mottled":
            marks += _spots((left, 0.1), (right, top + b.neck), 14, 0.08, shade(colours.coat, 0.78), rng)
        case "stripes":
            marks += _stripes(b, left, right, second, rng)
        case "saddle":
            back = [(left, top), (0, top + 0.15), (right, top + 0.5), (shoulder + 0.05, top - 0.35 * b.depth)]
            marks.append((blob([*back, (0, top - 0.62 * b.depth), (-shoulder, top - 0.55 * b.depth)]), second))
        case "bib":
            edge = [(-shoulder, b.leg - 0.05), (0, b.leg + 0.14 * b.depth), (shoulder, b.leg + 0.3 * b.depth), (shoulder, top)]
            below = [(right + 0.1, top + 0.15), (right, 0), (0, -0.1), (left, -0.1), (left, 0.1)]
            marks.append((blob([*edge, *below]), second))
        case "strands":
            marks += strands(torso, 46, colours, rng)
        case "curls":
            marks += ringlets(torso, colours, rng)
    return marks


def face_marks(breed: Breed, colours: Palette, tip: float, rng: np.random.Generator) -> list[Mark]:
    """The pattern on a head whose skull lies around (0, 0) and whose snout ends at x = `tip`."""
    b, r, second = breed, breed.head, colours.second
    low, deep = -0.3 * r, b.snout_depth
    match b.coat:
        case "spots":
            return _spots((-r, -r), (tip, r), 9, 0.19 * r, second, rng)
        case "stripes":
            bars = [limb([(x * r, r), (x * r - 0.1 * r, 0.35 * r)], [0.16 * r, 0.03 * r]) for x in (-0.5, -0.05, 0.35)]
            return [(shape, second) for shape in (oval(tip, low, 0.6 * deep), *bars)]
        case "saddle":
            cap = [(-1.2 * r, 0), (-r, 1.2 * r), (r, 1.2 * r), (tip + deep, low + 0.2 * deep), (0.5 * r, 0.1 * r), (0, -0.1 * r)]
            return [(blob(cap), second)]
        case "bib":
            blaze = [(0.75 * r, 1.1 * r), (0.72 * r, 0.1 * r), (0.2 * r, -0.3 * r), (-0.2 * r, -1.2 * r)]
            return [(blob([*blaze, (tip + deep, low - deep), (tip + deep, r)]), second)]
        case "strands":
            return strands(oval(0, 0, r), 12, colours, rng)
    return []


def _spots(
    low: tuple[float, float], high: tuple[float, float], count: int, size: float, colour: Colour, rng: np.random.Generator
) -> list[Mark]:
    """Round spots, strewn between two corners."""
    places, radii = rng.uniform(low, high, (count, 2)), size * rng.uniform(0.55, 1.25, count)
    return [(oval(x, y, r, 0.9 * r), colour) for (x, y), r in zip(places, radii, strict=True)]


def _stripes(b: Breed, left: float, right: float, colour: Colour, rng: np.random.Generator) -> list[Mark]:
    """Down the flanks, thinning out; and rings round the legs."""
    top, shapes = b.leg + b.depth, []
    for x in np.arange(left, right, 0.135) + rng.normal(0, 0.012):
        first, last = rng.normal(0, 0.04, 2)
        end = b.leg + b.depth * rng.uniform(0.05, 0.45)
        shapes.append(
            limb([(x, top + 0.35), (x + 0.03 + first, top - 0.3 * b.depth), (x - 0.03 + last, end)], [0.075, 0.07, 0.015])
        )
    for x in (-b.length / 2, b.length / 2):
        shapes += [limb([(x - 0.3, y), (x + 0.3, y + rng.normal(0, 0.03))], [0.045, 0.045]) for y in (0.14, 0.27)]
    return [(shape, colour) for shape in shapes]


def strands(inside: Shape, count: int, colours: Palette, rng: np.random.Generator) -> list[Mark]:
    """Single hairs that hang, in lighter and darker tones of the coat."""
    tones = [shade(colours.coat, tone) for tone in (0.62, 0.8, 1.25)]
    places, lean = rng.uniform(inside.min(axis=0), inside.max(axis=0), (count, 2)), rng.normal(0, 0.05, count)
    hairs = [limb([(x, y + 0.09), (x + dx, y - 0.09)], [0.012, 0.035]) for (x, y), dx in zip(places, lean, strict=True)]
    return [(hair, tones[index % 3]) for index, hair in enumerate(hairs)]


def ringlets(inside: Shape, colours: Palette, rng: np.random.Generator) -> list[Mark]:
    """Small round locks, each with its shadow."""
    low, high = inside.min(axis=0), inside.max(axis=0)
    light, dark = shade(colours.coat, 1.05), shade(colours.coat, 0.74)
    marks: list[Mark] = []
    for x, y in rng.uniform(low, high, (int(90 * np.prod(high - low)) + 6, 2)):
        marks += [(oval(x, y, 0.045), dark), (oval(x + 0.012, y + 0.014, 0.032), light)]
    return marks
