"""Points are left out of a curve that has too many, and none of its peaks."""

from collections.abc import Sequence

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
