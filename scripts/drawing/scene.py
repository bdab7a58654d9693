"""The page a dog is drawn on: shapes, a brush, backgrounds, clutter and light. It knows nothing of dogs.

Shapes are closed polygons, float64 [n, 2]. The brush paints them at `SUPERSAMPLE` times the picture's size and the picture
is scaled down once at the end, which is what makes the edges smooth. All chance comes from the generator handed in.
"""

from collections.abc import Sequence
from colorsys import hsv_to_rgb
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

SUPERSAMPLE = 3
Colour = tuple[int, int, int]
Shape = NDArray[np.float64]


def hsv(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = hsv_to_rgb(hue % 1.0, min(max(saturation, 0.0), 1.0), min(max(value, 0.0), 1.0))
    return round(red * 255), round(green * 255), round(blue * 255)


def any_colour(rng: np.random.Generator) -> Colour:
    return hsv(rng.random(), rng.uniform(0.1, 0.65), rng.uniform(0.4, 1.0))


def shade(colour: Colour, factor: float) -> Colour:
    """Darker for a factor below 1, lighter above."""
    red, green, blue = (min(255, round(part * factor)) for part in colour)
    return red, green, blue


def _spline(points: NDArray[np.float64], steps: int) -> NDArray[np.float64]:
    """Catmull-Rom through points[1:-1]: float64 [(n - 3) * steps, 2]; the first and last only steer."""
    t = np.linspace(0.0, 1.0, steps, endpoint=False)[None, :, None]
    a, b, c, d = (points[i : len(points) - 3 + i, None, :] for i in range(4))
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    return curve.reshape(-1, 2)


def _normals(closed: Shape) -> NDArray[np.float64]:
    """Unit normals of a closed polygon, pointing out."""
    along = np.roll(closed, -1, axis=0) - np.roll(closed, 1, axis=0)
    out = np.stack([along[:, 1], -along[:, 0]], axis=1) / np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)[:, None]
    x, y = closed[:, 0], closed[:, 1]
    return out if np.dot(x, np.roll(y, -1)) > np.dot(y, np.roll(x, -1)) else -out


def blob(points: Sequence[tuple[float, float]]) -> Shape:
    """The smooth closed shape through the points."""
    ring = np.asarray(points, dtype=np.float64)
    return _spline(np.concatenate([ring[-1:], ring, ring[:2]]), 8)


def oval(x: float, y: float, across: float, up: float | None = None) -> Shape:
    angle = np.linspace(0.0, 2 * np.pi, 28, endpoint=False)
    return np.stack([x + across * np.cos(angle), y + (across if up is None else up) * np.sin(angle)], axis=1)


def limb(points: Sequence[tuple[float, float]], widths: Sequence[float]) -> Shape:
    """A smooth stroke through the points, as wide at each as `widths` says, with round ends."""
    middle = np.asarray(points, dtype=np.float64)
    guided = np.concatenate([2 * middle[:1] - middle[1:2], middle, 2 * middle[-1:] - middle[-2:-1]])
    line = np.concatenate([_spline(guided, 7), middle[-1:]])
    half = np.interp(np.linspace(0, len(widths) - 1, len(line)), np.arange(len(widths)), widths)[:, None] / 2
    along = np.gradient(line, axis=0)
    along /= np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)[:, None]
    side = np.stack([-along[:, 1], along[:, 0]], axis=1)
    turn = np.linspace(0.2, np.pi - 0.2, 6)[:, None]
    tip = line[-1] + half[-1] * (np.cos(turn) * side[-1] + np.sin(turn) * along[-1])
    root = line[0] - half[0] * (np.cos(turn) * side[0] + np.sin(turn) * along[0])
    return np.concatenate([line + half * side, tip, (line - half * side)[::-1], root])


def fringe(shape: Shape, kind: str, size: float, rng: np.random.Generator) -> Shape:
    """The shape with a hairy edge: `tufts` are jagged and hang a little, `curls` are round. `size` in the shape's units."""
    closed = np.concatenate([shape, shape[:1]])
    reach = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    count = max(6, round(reach[-1] / (size * (1.7 if kind == "curls" else 1.1))))
    per_lock = 6 if kind == "curls" else 4
    where = np.linspace(0.0, reach[-1], count * per_lock, endpoint=False)
    edge = np.stack([np.interp(where, reach, closed[:, axis]) for axis in (0, 1)], axis=1)
    phase = np.tile(np.arange(per_lock) / per_lock, count)
    profile = np.sin(np.pi * phase) ** 0.7 if kind == "curls" else 1.0 - phase
    height = np.repeat(rng.uniform(0.6, 1.25, count), per_lock) * profile * size
    moved = edge + _normals(edge) * height[:, None] * (0.6 if kind == "curls" else 1.0)
    if kind != "curls":
        moved[:, 1] -= 0.35 * height
    return moved


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a drawing's own coordinates (y up) come to lie on the page (pixels, y down)."""

    centre: tuple[float, float]
    place: tuple[float, float]
    scale: float
    angle: float = 0.0
    flipped: bool = False

    def __call__(self, points: Shape) -> Shape:
        x, y = (points - self.centre).T * self.scale
        x = -x if self.flipped else x
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        return np.stack([self.place[0] + cos * x - sin * y, self.place[1] - sin * x - cos * y], axis=1)


class Brush:
    """Paints shapes on one page. `line` is the width of an outline in page pixels."""

    def __init__(self, page: Image.Image, line: float) -> None:
        self.page, self.line = page, line
        self._draw = ImageDraw.Draw(page)

    def fill(self, shapes: Sequence[Shape], colour: Colour, outline: Colour | None = None) -> None:
        """All outlines first, so that shapes which overlap melt into one."""
        if outline is not None:
            for shape in shapes:
                self._draw.polygon((shape + _normals(shape) * self.line).ravel().tolist(), fill=outline)
        for shape in shapes:
            self._draw.polygon(shape.ravel().tolist(), fill=colour)

    def fill_inside(self, inside: Sequence[Shape], marks: Sequence[tuple[Shape, Colour]]) -> None:
        """Paints the marks only where they fall on the shapes `inside`."""
        mask = Image.new("L", self.page.size)
        stencil = ImageDraw.Draw(mask)
        for shape in inside:
            stencil.polygon(shape.ravel().tolist(), fill=255)
        layer = self.page.copy()
        over = ImageDraw.Draw(layer)
        for shape, colour in marks:
            over.polygon(shape.ravel().tolist(), fill=colour)
        self.page.paste(layer, mask=mask)


def _gradient(first: Colour, second: Colour, side: int, rng: np.random.Generator) -> Image.Image:
    """From one colour to the other in a random direction, with soft clouds of noise."""
    small = 24
    down, across = np.mgrid[0:small, 0:small] / (small - 1) - 0.5
    angle = rng.uniform(0, 2 * np.pi)
    mix = 0.5 + across * np.cos(angle) + down * np.sin(angle) + rng.normal(0, rng.uniform(0.01, 0.1), (small, small))
    mix = np.clip(mix, 0, 1)[..., None]
    pixels = np.asarray(first) * (1 - mix) + np.asarray(second) * mix
    return Image.fromarray(pixels.astype(np.uint8)).resize((side, side), Image.Resampling.BICUBIC)


def background(side: int, horizon: float, rng: np.random.Generator) -> Image.Image:
    """A studio, a meadow or a room, in any colours: RGB, `side` pixels square, the ground below `horizon`."""
    page = _gradient(any_colour(rng), any_colour(rng), side, rng)
    brush = Brush(page, side / 220)
    kind = rng.choice(["studio", "meadow", "room"], p=[0.3, 0.4, 0.3])
    if kind == "studio":
        return page
    floor = any_colour(rng)
    if kind == "meadow":
        _clouds(brush, side, horizon, rng)
        bumps = horizon + rng.normal(0, side * 0.03, 7)
        ground = [(x, y) for x, y in zip(np.linspace(-0.1, 1.1, 7) * side, bumps, strict=True)]
        brush.fill([blob([*ground, (1.2 * side, 1.3 * side), (-0.2 * side, 1.3 * side)])], floor)
        for _ in range(int(rng.integers(4, 22))):
            tuft(brush, rng.uniform(0, side), rng.uniform(horizon, side), side * rng.uniform(0.03, 0.07), shade(floor, 0.75), rng)
        return page
    wall = shade(any_colour(rng), 1.1)
    pitch = side * rng.uniform(0.06, 0.2)
    for x in map(float, np.arange(rng.uniform(0, pitch), side, pitch)):
        if rng.random() < 0.5:
            brush.fill([oval(x, y, pitch * 0.16) for y in map(float, np.arange(pitch / 2, horizon, pitch))], wall)
        else:
            brush.fill([_box(x, 0, x + pitch * 0.3, horizon)], wall)
    brush.fill([_box(0, horizon, side, side)], floor)
    brush.fill([_box(0, horizon - side * 0.02, side, horizon + side * 0.01)], shade(floor, 0.6))
    for y in np.linspace(horizon, side, int(rng.integers(2, 7)))[1:]:
        brush.fill([_box(0, y, side, y + side * 0.008)], shade(floor, 0.8))
    return page


def _clouds(brush: Brush, side: int, horizon: float, rng: np.random.Generator) -> None:
    colour = hsv(rng.random(), rng.uniform(0, 0.15), rng.uniform(0.8, 1.0))
    for _ in range(int(rng.integers(0, 4))):
        x, y, r = rng.uniform(0, side), rng.uniform(0, horizon * 0.8), side * rng.uniform(0.03, 0.08)
        brush.fill([oval(x + dx * r, y - dy * r, r * k) for dx, dy, k in ((-1.1, 0, 0.7), (0, 0.3, 1), (1.1, 0, 0.75))], colour)


def _box(left: float, top: float, right: float, bottom: float) -> Shape:
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], dtype=np.float64)


def tuft(brush: Brush, x: float, y: float, size: float, colour: Colour, rng: np.random.Generator) -> None:
    """A few blades of grass."""
    for lean in rng.uniform(-0.6, 0.6, 4):
        root = x + lean * size * 0.5
        blade = [(root - size * 0.13, y), (root + size * 0.13, y), (root + lean * size, y - size * (1.3 - abs(lean)))]
        brush.fill([np.array(blade)], colour)


def clutter(brush: Brush, x: float, y: float, size: float, rng: np.random.Generator) -> None:
    """One thing a dog might like: a ball, a bone, a box, a bush, a flower. Centre and size in page pixels."""
    colour = any_colour(rng)
    ink = shade(colour, 0.35)
    pose = Pose((0, 0), (x, y), size, rng.uniform(-0.8, 0.8))
    kind = rng.integers(5)
    if kind == 0:
        brush.fill([pose(oval(0, 0, 0.5))], colour, ink)
        brush.fill_inside(
            [pose(oval(0, 0, 0.5))], [(pose(limb([(-0.6, 0.2), (0, 0.0), (0.6, 0.2)], [0.16] * 3)), any_colour(rng))]
        )
    elif kind == 1:
        knobs = [pose(oval(0.42 * dx, 0.15 * dy, 0.17)) for dx in (-1, 1) for dy in (-1, 1)]
        brush.fill([pose(limb([(-0.4, 0), (0.4, 0)], [0.2, 0.2])), *knobs], hsv(0.11, 0.15, rng.uniform(0.7, 1.0)), ink)
    elif kind == 2:
        brush.fill([pose(_box(-0.45, -0.35, 0.45, 0.35))], colour, ink)
        brush.fill([pose(_box(-0.07, -0.35, 0.07, 0.35)), pose(_box(-0.45, -0.07, 0.45, 0.07))], any_colour(rng))
    elif kind == 3:
        leaves = [pose(oval(dx, dy, 0.33)) for dx, dy in ((-0.35, -0.1), (0, 0.2), (0.35, -0.1), (0.1, -0.2))]
        brush.fill([fringe(leaf, "curls", size * 0.1, rng) for leaf in leaves], colour, ink)
    else:
        petals = [pose(oval(0.3 * np.cos(a), 0.3 * np.sin(a), 0.2)) for a in np.arange(5) * 2 * np.pi / 5]
        brush.fill(petals, colour, ink)
        brush.fill([pose(oval(0, 0, 0.18))], any_colour(rng))


def fence(brush: Brush, left: float, right: float, top: float, bottom: float, rng: np.random.Generator) -> None:
    """Pickets with two rails, between the four edges."""
    colour = any_colour(rng)
    ink = shade(colour, 0.4)
    pitch = (bottom - top) * rng.uniform(0.35, 0.6)
    for y in (0.3, 0.75):
        rail = top + (bottom - top) * y
        brush.fill([_box(left, rail, right, rail + pitch * 0.12)], colour, ink)
    for x in np.arange(left, right, pitch):
        wide = pitch * 0.3
        picket = [(x, bottom), (x, top + wide * 0.6), (x + wide / 2, top), (x + wide, top + wide * 0.6), (x + wide, bottom)]
        brush.fill([np.array(picket)], colour, ink)


def develop(page: Image.Image, size: int, rng: np.random.Generator) -> Image.Image:
    """The page as a camera would have seen it: scaled to `size`, side light, colour cast, contrast, blur and noise."""
    picture = page.reduce(SUPERSAMPLE)
    if rng.random() < 0.3:
        picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 0.8) * size / 144))
    pixels = np.asarray(picture, dtype=np.float32)
    down, across = np.mgrid[0:size, 0:size].astype(np.float32) / size - 0.5
    angle = rng.uniform(0, 2 * np.pi)
    light = 1.0 + np.float32(rng.uniform(0, 0.4)) * (across * np.float32(np.cos(angle)) + down * np.float32(np.sin(angle)))
    gain = (rng.uniform(0.85, 1.2) * rng.uniform(0.88, 1.12, 3)).astype(np.float32)
    contrast = np.float32(rng.uniform(0.8, 1.15))
    pixels = ((pixels - 128) * contrast + 128) * (light[..., None] * gain)
    pixels += rng.standard_normal(pixels.shape, dtype=np.float32) * np.float32(rng.uniform(0, 7))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
