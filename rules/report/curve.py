"""A curve is prepared for drawing: points left out where there are too many, noise smoothed by a running median."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from rules.checks.thinning import Point


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
