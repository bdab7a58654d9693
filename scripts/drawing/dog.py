"""How one dog of a breed is built of shapes: posture, colours and small differences are its own, the rest is its breed's.

A dog stands in side view, its nose to the right, paws at y = 0, y up, withers at about 1. It is a list of parts from back to
front; where on a picture, how large and how turned is not decided here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from scripts.drawing.breed import Breed
from scripts.drawing.coat import Mark, body_marks, face_marks, palette, ringlets, strands
from scripts.drawing.scene import Colour, Shape, blob, fringe, limb, oval, shade


@dataclass(frozen=True, slots=True)
class Part:
    """Shapes of one colour that melt into one, with or without an outline, and the marks painted inside them."""

    shapes: Sequence[Shape]
    colour: Colour
    ink: Colour | None = None
    marks: Sequence[Mark] = ()


def _turned(shape: Shape, angle: float, x: float, y: float) -> Shape:
    """The shape turned about (0, 0), then moved there."""
    cos, sin = np.cos(angle), np.sin(angle)
    return shape @ np.array([[cos, sin], [-sin, cos]]) + (x, y)


class _Dog:
    """One dog under construction: the breed as this dog has it, its colours, its generator."""

    def __init__(self, breed: Breed, rng: np.random.Generator) -> None:
        numbers = ("length", "depth", "leg", "leg_width", "neck", "head", "snout", "snout_depth", "ear_size")
        self.breed = replace(breed, **{name: getattr(breed, name) * rng.uniform(0.93, 1.07) for name in numbers})
        self.rng, self.colours = rng, palette(rng)
        self.top = self.breed.leg + self.breed.depth
        self.shoulder, self.hip = self.breed.length / 2, -self.breed.length / 2

    def furred(self, shape: Shape, share: float = 1.0) -> Shape:
        """With the breed's fur on its edge, or a share of it."""
        size = share * self.breed.fur
        return fringe(shape, "tufts", size, self.rng) if size else shape

    def build(self) -> list[Part]:
        stride = self.rng.uniform(-0.35, 0.35)
        return [*self.tail(), *self.far_legs(-stride), *self.body(stride), *self.head()]

    def far_legs(self, stride: float) -> list[Part]:
        """The legs of the side turned away, in shadow; the near ones melt into the body."""
        shapes = self._leg_shapes(stride, 0.1 * self.breed.depth)
        return [Part(shapes, shade(self.colours.coat, 0.72), self.colours.ink), *self._socks(stride, far=True)]

    def _feet(self, stride: float, shift: float = 0.0) -> tuple[float, float]:
        swing = stride * (0.35 * self.breed.leg + 0.08)
        return self.shoulder + shift + swing, self.hip + shift - swing - 0.05 * self.breed.leg

    def _leg_shapes(self, stride: float, shift: float) -> list[Shape]:
        b, wide = self.breed, self.breed.leg_width
        front, hind = self._feet(stride, shift)
        knee = self.shoulder + shift + (front - self.shoulder - shift) * 0.4
        hock = (hind - 0.16 * b.leg, b.leg * 0.42)
        thigh, above = self.hip + shift, b.leg + 0.3 * b.depth
        foreleg = [(self.shoulder + shift, above), (knee, b.leg * 0.55), (front, wide * 0.3)]
        hindleg = [(thigh, above), (thigh + 0.12 * b.leg, b.leg * 0.75), hock, (hind, wide * 0.3)]
        shapes = [
            limb(foreleg, [wide * 1.6, wide * 1.05, wide]),
            limb(hindleg, [wide * 2.6, wide * 1.9, wide, wide]),
        ]
        paws = [oval(x + wide * 0.3, wide * 0.36, wide * 0.78, wide * 0.4) for x in (front, hind)]
        return [self.furred(shape) for shape in [*shapes, *paws]]

    def _socks(self, stride: float, far: bool) -> list[Part]:
        """Curly or hairy ankles."""
        b, size = self.breed, self.breed.leg
        coat = shade(self.colours.coat, 0.75 if far else 1.05)
        feet = self._feet(stride, 0.1 * b.depth if far else 0.0)
        if "pompoms" in b.extras:
            puffs = [fringe(oval(x - 0.03, size * 0.25, size * 0.2), "curls", 0.05, self.rng) for x in feet]
            return [Part(puffs, coat, self.colours.ink)]
        if "crest" in b.extras:
            hair = shade(self.colours.second, 0.8 if far else 1.0)
            socks = [limb([(x, size * 0.5), (x, 0.05)], [0.07, 0.22]) for x in feet]
            return [Part([fringe(sock, "tufts", 0.06, self.rng) for sock in socks], hair, self.colours.ink)]
        return []

    def body(self, stride: float) -> list[Part]:
        b, hip, shoulder, top = self.breed, self.hip, self.shoulder, self.top
        d = b.depth
        middle = (hip + shoulder) / 2
        back = [(hip - 0.32 * d, top - 0.35 * d), (hip - 0.08 * d, top - 0.02 * d), (middle, top - 0.05 * d), (shoulder, top)]
        chest = [(shoulder + 0.36 * d, top - 0.45 * d), (shoulder + 0.12 * d, b.leg), (middle, b.leg + 0.55 * b.tuck * d)]
        loin = [(hip + 0.1 * d, b.leg + b.tuck * d), (hip - 0.25 * d, b.leg + 0.45 * d * max(0.55, b.tuck))]
        torso = blob([*back, *chest, *loin])
        head = self.head_at()
        nape = ((shoulder + head[0]) / 2, (top + head[1]) / 2 - 0.05)
        neck = limb([(shoulder - 0.05 * d, top - 0.35 * d), nape, head], [0.8 * d, 0.5 * d + 0.4 * b.head, 1.25 * b.head])
        shapes = [self.furred(torso), self.furred(neck), *self._leg_shapes(stride, 0.0)]
        parts = [Part(shapes, self.colours.coat, self.colours.ink, body_marks(b, self.colours, torso, self.rng))]
        return [*parts, *self._socks(stride, far=False), *self._trimmings(head), *self._collar(head)]

    def _trimmings(self, head: tuple[float, float]) -> list[Part]:
        """What is worn over the body: poodle puffs, a skirt, feathers, a ruff."""
        b, c, d = self.breed, self.colours, self.breed.depth
        puffs: list[Part] = []
        if "pompoms" in b.extras:
            chest = fringe(oval(self.shoulder + 0.08, b.leg + 0.55 * d, 0.76 * d, 0.72 * d), "curls", 0.07, self.rng)
            rump = fringe(oval(self.hip, b.leg + 0.5 * d, 0.42 * d), "curls", 0.06, self.rng)
            for puff in (rump, chest):
                puffs.append(Part([puff], shade(c.coat, 1.05), c.ink, ringlets(puff, c, self.rng)))
        if "skirt" in b.extras:
            drape = limb(
                [(self.hip - 0.2, b.leg * 0.85), (0, b.leg * 0.8), (self.shoulder + 0.15, b.leg * 0.85)], [0.2, 0.26, 0.2]
            )
            drape = fringe(drape, "tufts", 0.09, self.rng)
            puffs.append(Part([drape], c.coat, None, strands(drape, 30, c, self.rng)))
        if "feathers" in b.extras:
            belly = [(self.hip + 0.1, b.leg + 0.3 * d), (0.05, b.leg + 0.02), (self.shoulder + 0.1, b.leg + 0.1 * d)]
            locks = [
                limb(belly, [0.1, 0.16, 0.16]),
                limb([(self.hip - 0.12, b.leg + 0.1), (self.hip - 0.2, b.leg * 0.55)], [0.12, 0.08]),
                limb([(self.shoulder - 0.06, b.leg), (self.shoulder - 0.08, b.leg * 0.3)], [0.1, 0.05]),
            ]
            hair = [fringe(lock, "tufts", 0.1, self.rng) for lock in locks]
            puffs.append(Part(hair, shade(c.coat, 0.86)))
        if "ruff" in b.extras:
            throat = [(head[0] - 0.28, head[1] + 0.05), (head[0] + 0.1, head[1] - 0.05), (self.shoulder + 0.34, b.leg + 0.42 * d)]
            ruff = blob([*throat, (self.shoulder + 0.1, b.leg + 0.12 * d), (self.shoulder - 0.16, b.leg + 0.5 * d)])
            ruff = fringe(ruff, "tufts", 0.09, self.rng)
            puffs.append(Part([ruff], shade(c.coat, 1.12), None, strands(ruff, 14, c, self.rng)))
        return puffs

    def _collar(self, head: tuple[float, float]) -> list[Part]:
        if self.rng.random() < 0.4 or self.breed.extras & {"ruff", "bangs", "pompoms"}:
            return []
        b = self.breed
        x, y = 0.45 * self.shoulder + 0.55 * head[0], 0.45 * self.top + 0.55 * head[1] - 0.12
        wide = 0.26 * b.depth + 0.36 * b.head
        band = limb([(x - wide, y + wide * 0.25), (x, y - 0.03), (x + wide, y - wide * 0.45)], [0.07] * 3)
        return [
            Part([band], self.colours.collar, self.colours.ink),
            Part([oval(x + wide * 0.7, y - wide * 0.5, 0.05)], (235, 200, 70), self.colours.ink),
        ]

    def tail(self) -> list[Part]:
        b, c = self.breed, self.colours
        wag, x, y = self.rng.uniform(-0.25, 0.25), self.hip - 0.2 * b.depth, self.top - 0.2 * b.depth
        return [Part([_turned(shape, wag, x, y) for shape in shapes], tone, c.ink) for shapes, tone in self._tail_shapes()]

    def _tail_shapes(self) -> list[tuple[list[Shape], Colour]]:
        """Shapes from the root of the tail at (0, 0)."""
        coat, form = self.colours.coat, self.breed.tail
        if form == "none":
            return []
        if form == "stub":
            return [([oval(-0.05, 0.05, 0.09, 0.08)], coat)]
        if form == "pompom":
            ball = fringe(oval(-0.17, 0.46, 0.15), "curls", 0.05, self.rng)
            return [([limb([(0.05, -0.05), (-0.08, 0.15), (-0.15, 0.4)], [0.08, 0.06, 0.05])], coat), ([ball], shade(coat, 1.05))]
        if form == "plume":
            feather = limb([(0.08, -0.05), (-0.3, 0.04), (-0.6, 0.2), (-0.85, 0.24)], [0.09, 0.2, 0.24, 0.03])
            hairless = "crest" in self.breed.extras
            return [([fringe(feather, "tufts", 0.11, self.rng)], self.colours.second if hairless else coat)]
        if form == "curled":
            ring = limb(
                [(-0.02, -0.1), (-0.14, 0.14), (0.0, 0.36), (0.24, 0.34), (0.27, 0.14), (0.12, 0.1)],
                [0.15, 0.2, 0.22, 0.2, 0.16, 0.08],
            )
            return [([fringe(ring, "tufts", 0.06, self.rng)], coat)]
        lines = {
            "carrot": ([(0.06, -0.06), (-0.05, 0.2), (-0.03, 0.42)], [0.17, 0.12, 0.02]),
            "club": ([(0.08, 0.02), (-0.14, -0.06), (-0.2, -0.42), (-0.3, -0.52)], [0.16, 0.13, 0.1, 0.05]),
            "sabre": ([(0.08, -0.02), (-0.25, 0.05), (-0.42, 0.3), (-0.42, 0.5)], [0.11, 0.09, 0.06, 0.02]),
            "whip": ([(0.08, 0.0), (-0.18, -0.02), (-0.34, -0.3), (-0.52, -0.34)], [0.09, 0.06, 0.045, 0.02]),
        }
        points, widths = lines[form]
        return [([self.furred(limb(points, widths))], coat)]

    def head_at(self) -> tuple[float, float]:
        b = self.breed
        return self.shoulder + 0.18 * b.depth + 0.6 * b.neck, self.top + 0.75 * b.neck + 0.2 * b.head

    def head(self) -> list[Part]:
        """Built around (0, 0) with the skull's radius as the measure, then tilted and put on the neck."""
        tilt = self.rng.uniform(-0.22, 0.22)
        place = partial(_turned, angle=tilt, x=self.head_at()[0], y=self.head_at()[1])
        parts = [*self._ears(far=True), *self._face(), *self._ears(far=False), *self._hair()]
        return [
            replace(part, shapes=[place(s) for s in part.shapes], marks=[(place(s), tone) for s, tone in part.marks])
            for part in parts
        ]

    def _face(self) -> list[Part]:
        b, c, r, rng = self.breed, self.colours, self.breed.head, self.rng
        tip, low, deep = 0.72 * r + b.snout, -0.3 * r, b.snout_depth
        muzzle = limb([(0.2 * r, -0.12 * r), (0.6 * (r + b.snout), low), (tip, low)], [1.3 * r, 1.15 * deep, 0.9 * deep])
        skull = [self.furred(oval(0, 0, r, 0.94 * r)), self.furred(muzzle, 0.6)]
        parts: list[Part] = []
        if rng.random() < 0.5:
            tongue = limb(
                [(tip - 0.3 * b.snout, low - 0.3 * deep), (tip - 0.3 * b.snout + 0.02, low - 0.55 * deep - 0.45 * r)],
                [0.3 * r, 0.34 * r],
            )
            parts.append(Part([tongue], (236, 120, 130), c.ink))
        parts.append(Part(skull, c.coat, c.ink, face_marks(b, c, tip, rng)))
        jaw = [(tip + 0.1 * deep, low - 0.2 * deep), (tip - 0.4 * b.snout, low - 0.36 * deep), (0.35 * r, low - 0.05 * r)]
        parts.append(Part([limb(jaw, [0.02, 0.025, 0.015])], c.ink))
        if "tooth" in b.extras:
            parts.append(
                Part(
                    [np.array([(tip - 0.32 * r, low - 0.3 * deep), (tip - 0.1 * r, low - 0.26 * deep), (tip - 0.19 * r, low)])],
                    (250, 248, 240),
                    c.ink,
                )
            )
        nose = max(0.24 * deep, 0.19 * r)
        parts.append(Part([oval(tip + 0.32 * deep, low + 0.28 * deep, nose, nose * 0.85)], (28, 24, 26)))
        parts.append(Part([oval(tip + 0.3 * deep, low + 0.28 * deep + 0.35 * nose, nose * 0.3, nose * 0.2)], (150, 145, 150)))
        if "bangs" not in b.extras:
            look = rng.uniform(-0.05, 0.08) * r
            parts.append(Part([oval(0.36 * r, 0.24 * r, 0.23 * r, 0.27 * r)], (250, 250, 246), c.ink))
            parts.append(Part([oval(0.4 * r + look, 0.22 * r, 0.15 * r, 0.19 * r)], (30, 24, 24)))
            parts.append(Part([oval(0.44 * r + look, 0.3 * r, 0.055 * r)], (255, 255, 255)))
        return parts

    def _ears(self, far: bool) -> list[Part]:
        b, c, r = self.breed, self.colours, self.breed.head
        e = r * b.ear_size
        x, y = (-0.05 * r, 0.66 * r) if far else (-0.42 * r, 0.6 * r)
        colour = shade(c.second if b.coat in ("saddle", "spots") else c.coat, 0.74 if far else 0.94)
        lean = 0.12 * e if far else -0.12 * e
        lines = {
            "bat": ([(x, y - 0.15 * e), (x + lean, y + 0.5 * e), (x + 1.3 * lean, y + 0.95 * e)], [0.5 * e, 0.72 * e, 0.42 * e]),
            "button": ([(x, y), (x - 0.2 * e, y - 0.2 * e), (x + 0.05 * e, y - 0.75 * e)], [0.6 * e, 0.62 * e, 0.1 * e]),
            "drop": ([(x, y), (x - 0.25 * e, y - 0.5 * e), (x - 0.2 * e, y - 1.35 * e)], [0.36 * e, 0.62 * e, 0.5 * e]),
            "pricked": (
                [(x, y - 0.2 * e), (x + lean, y + 0.35 * e), (x + 1.6 * lean, y + 1.15 * e)],
                [0.85 * e, 0.68 * e, 0.02 * e],
            ),
            "rose": ([(x, y), (x - 0.45 * e, y + 0.12 * e), (x - 0.95 * e, y - 0.08 * e)], [0.4 * e, 0.36 * e, 0.03 * e]),
        }
        ear = limb(*lines[b.ear])
        if "wavy ears" in b.extras:
            ear = fringe(ear, "tufts", 0.08, self.rng)
        elif "pompoms" in b.extras:
            ear = fringe(ear, "curls", 0.05, self.rng)
        ear = self.furred(ear, 0.6)
        parts = [Part([ear], colour, c.ink)]
        if b.ear in ("bat", "pricked") and not far:
            middle = ear.mean(axis=0)
            parts.append(Part([middle + (ear - middle) * (0.5, 0.62)], (214, 150, 150)))
        return parts

    def _hair(self) -> list[Part]:
        """What grows on the head: topknot, crest, beard and brows, bangs."""
        b, c, r, rng = self.breed, self.colours, self.breed.head, self.rng
        tip, low = 0.72 * r + b.snout, -0.3 * r
        if "pompoms" in b.extras:
            knot = fringe(oval(-0.2 * r, 1.15 * r, 0.78 * r, 0.56 * r), "curls", 0.06, rng)
            return [Part([knot], shade(c.coat, 1.05), c.ink, ringlets(knot, c, self.rng))]
        if "crest" in b.extras:
            crest = limb(
                [(0.15 * r, 1.2 * r), (-0.6 * r, 1.2 * r), (-1.3 * r, 0.4 * r), (-1.4 * r, -0.9 * r)],
                [0.3 * r, 0.6 * r, 0.7 * r, 0.2 * r],
            )
            return [Part([fringe(crest, "tufts", 0.1, rng)], c.second, c.ink)]
        if "beard" in b.extras:
            beard = fringe(
                limb([(tip - 0.45 * r, low - 0.1), (tip - 0.1 * r, low - 0.5 * r), (tip - 0.2 * r, low - r)], [0.3, 0.24, 0.06]),
                "tufts",
                0.07,
                rng,
            )
            brow = fringe(limb([(0.2 * r, 0.5 * r), (0.8 * r, 0.5 * r)], [0.1, 0.05]), "tufts", 0.05, rng)
            return [Part([beard, brow], shade(c.coat, 0.8), c.ink, strands(beard, 8, c, self.rng))]
        if "bangs" in b.extras:
            mop = fringe(oval(0.12 * r, 0.5 * r, 0.95 * r, 0.62 * r), "tufts", 0.16, rng)
            return [Part([mop], shade(c.coat, 1.08), None, strands(mop, 26, c, self.rng))]
        return []


def build_dog(breed: Breed, rng: np.random.Generator) -> list[Part]:
    """The parts of one dog of the breed, the rearmost first."""
    return _Dog(breed, rng).build()
