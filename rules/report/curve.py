"""A curve is prepared for drawing: points left out where there are too many, noise smoothed by a running median."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

Point = tuple[float, float]
MOST = 600
"""Points of a line that are drawn; more than the pixels of a page show nothing."""


def thin(points: Sequence[Point], most: int = MOST) -> list[Point]:
    """At most about `most` of the points: the lowest and the highest of each stretch, so no peak is lost."""
    if len(points) <= most:
        return list(points)
    kept: list[Point] = []
    for part in np.array_split(np.arange(len(points)), most // 2):
        values = [points[index][1] for index in part]
        kept += [points[part[index]] for index in sorted({int(np.argmin(values)), int(np.argmax(values))})]
    return kept


def running_median(points: Sequence[Point]) -> list[Point]:
    """The running median over a twentieth of the points: one step's loss is noise."""
    width = max(3, len(points) // 20)
    values = np.array([value for _, value in points])
    return [
        (at, float(np.median(values[max(0, index - width // 2) : index + width // 2 + 1])))
        for index, (at, _) in enumerate(points)
    ]


def finite_points(points: Iterable[Sequence[float | None]]) -> list[Point]:
    """The points that can be drawn."""
    return [(float(x), float(y)) for x, y in points if x is not None and y is not None and math.isfinite(x) and math.isfinite(y)]
