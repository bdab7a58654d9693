"""Plots are drawn as small SVG beside HTML labels, so that lines stretch with the page and text keeps its size.

This module works out where everything lies; charts.html writes it. A plot's area is 1000 by 1000 whatever its size on the
screen. Colours are the classes c1 to c6 of theme.css. What has no finite point is said in words instead of empty axes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from rules.checks.thinning import Point, thin
from rules.report.axis_ticks import clock_ticks, log_ticks, ticks
from rules.report.curve import finite_points
from rules.report.number_format import clock_time, duration, number
from rules.report.page import absent
from rules.report.rendering import macro

SIDE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Points that belong together. `kind`: line, faint (thin and pale), dots or steps. `tone`: 1 to 6, a colour."""

    name: str
    points: Sequence[Point]
    kind: str = "line"
    tone: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Axes:
    """What the axes mean. `unit_x`, `unit_y`: see `unit`. `low`, `high`: of y, where they are fixed; `left`, `right`: of x.
    `limits`: y values with what they are called, as dashed lines. `names`: of the x values 0, 1, 2 …, where they are names."""

    x: str
    y: str
    unit_x: str = ""
    unit_y: str = ""
    low: float | None = None
    high: float | None = None
    left: float | None = None
    right: float | None = None
    log_x: bool = False
    log_y: bool = False
    limits: Sequence[tuple[float, str]] = ()
    names: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Label:
    """Words over a figure. `kind`: a class of the style sheet; `place`: its position as CSS."""

    kind: str
    place: str
    words: str


@dataclass(frozen=True, slots=True)
class _Scale:
    low: float
    high: float
    log: bool
    marks: list[float] = field(default_factory=list)

    def at(self, value: float) -> float:
        """0 to 1000; values outside lie on the edge."""
        low, high, value = (math.log10(max(number, 1e-300)) if self.log else number for number in (self.low, self.high, value))
        return min(max((value - low) / (high - low), 0.0), 1.0) * SIDE


def unit(value: float, of: str) -> str:
    """A value of an axis, in the axis's unit: "s", "clock", "%" or ""."""
    if of in ("s", "clock"):
        return duration(value) if of == "s" else clock_time(value)
    return f"{number(value)}{' %' if of == '%' else ''}"


def plot(lines: Sequence[Line], axes: Axes, title: str) -> Markup:
    """A plot of lines over one pair of axes."""
    drawn = [(line, _positive(finite_points(line.points), axes)) for line in lines]
    drawn = [(line, points) for line, points in drawn if points]
    if not drawn:
        return absent(f"{title}: no finite value to plot.")
    if axes.names:
        across = _Scale(-0.5, len(axes.names) - 0.5, False)
    else:
        values = [x for _, points in drawn for x, _ in points]
        across = _scale(values, axes.log_x, axes.left, axes.right, bare=True, by_clock=axes.unit_x == "clock")
    values = [y for _, points in drawn for _, y in points] + [value for value, _ in axes.limits]
    up = _scale(values, axes.log_y, axes.low, axes.high)
    names = {line.name: line.tone for line, _ in drawn if line.kind != "faint"}
    about = "; ".join(f"{line.name} from {number(points[0][1])} to {number(points[-1][1])}" for line, points in drawn)
    return macro(
        "charts.html",
        "plot",
        title=title,
        axes=axes,
        x=f"{across.low!r},{across.high!r},{int(across.log)},{axes.unit_x}",
        y=f"{up.low!r},{up.high!r},{int(up.log)},{axes.unit_y}",
        legend=list(names.items()) if len(names) > 1 else [],
        about=about,
        grid=_grid(up),
        limits=[(f"{SIDE - up.at(value):.1f}", name) for value, name in axes.limits],
        paths=[
            {"kind": line.kind, "tone": line.tone, "name": line.name, "drawn": _path(points, across, up, line.kind)}
            for line, points in drawn
        ],
        labels=_labels(axes, across, up),
    )


def _positive(points: list[Point], axes: Axes) -> list[Point]:
    """A logarithmic axis has no place for what is not above zero."""
    return [(x, y) for x, y in points if (not axes.log_y or y > 0) and (not axes.log_x or x > 0)]


def _scale(
    values: Sequence[float], log: bool, low: float | None, high: float | None, bare: bool = False, by_clock: bool = False
) -> _Scale:
    least = min(values) if low is None else low
    most = max(values) if high is None else high
    if least == most:
        least, most = (least / 2, most * 2) if log else (least - (abs(least) / 10 or 0.5), most + (abs(most) / 10 or 0.5))
    if log:
        return _Scale(least, most, True, log_ticks(least, most))
    if not bare:
        margin = 0.05 * (most - least)
        least = least - margin if low is None and not 0 <= least < most / 2 else min(least, 0.0) if low is None else low
        most = most + margin if high is None else high
    return _Scale(least, most, False, (clock_ticks if by_clock else ticks)(least, most))


def _path(points: list[Point], across: _Scale, up: _Scale, kind: str) -> str:
    places = [(across.at(x), SIDE - up.at(y)) for x, y in thin(points)]
    if kind == "dots" or len(places) == 1:
        return "".join(f"M{x:.1f} {y:.1f}h0" for x, y in places)
    if kind == "steps":
        first, *rest = places
        return f"M{first[0]:.1f} {first[1]:.1f}" + "".join(f"H{x:.1f}V{y:.1f}" for x, y in rest)
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)


def _grid(up: _Scale) -> str:
    return "".join(f"M0 {SIDE - up.at(value):.1f}H{SIDE}" for value in up.marks) or f"M0 {SIDE}H{SIDE}"


def _labels(axes: Axes, across: _Scale, up: _Scale) -> list[Label]:
    labels = [Label("ty", f"top:{100 - up.at(value) / 10:.1f}%", unit(value, axes.unit_y)) for value in up.marks]
    if axes.names:
        marks = [(float(index), name) for index, name in enumerate(axes.names)]
    else:
        marks = [(value, unit(value, axes.unit_x)) for value in across.marks]
    labels += [Label("tx", f"left:{across.at(value) / 10:.1f}%", name) for value, name in marks]
    labels += [Label("tl", f"top:{100 - up.at(value) / 10:.1f}%", name) for value, name in axes.limits if name]
    return labels + ([Label("tu", "", axes.y)] if axes.y else [])


def histogram(values: Sequence[float], axes: Axes, title: str, bins: int = 40) -> Markup:
    """How often each value came, the largest included in the last bin."""
    import numpy as np

    counts, edges = np.histogram(np.asarray(values, dtype=float), bins=bins)
    points: list[Point] = [(float(edges[0]), 0.0)]
    for index, count in enumerate(counts):
        points += [(float(edges[index]), float(count)), (float(edges[index + 1]), float(count))]
    return plot([Line(name=axes.y, points=[*points, (float(edges[-1]), 0.0)], kind="area")], axes, title)


def bars(rows: Sequence[tuple[str, float, str]], title: str, tone: int = 1) -> Markup:
    """A bar a row, across: name, value, and the words beside it."""
    most = max((abs(value) for _, value, _ in rows), default=0.0) or 1.0
    shown = [(name, f"{100 * abs(value) / most:.2f}", words) for name, value, words in rows]
    return macro("charts.html", "bars", title=title, rows=shown, tone=tone)


def stack(parts: Sequence[tuple[str, float, str]], title: str) -> Markup:
    """Parts of a whole in one bar: name, share in percent, and the words beside it. The shares add up to 100."""
    shown = [
        {"name": name, "width": f"{share:.3f}", "words": words, "tone": index % 6 + 1}
        for index, (name, share, words) in enumerate(parts)
        if share > 0
    ]
    return macro("charts.html", "stack", title=title, parts=shown)


def matrix(names: Sequence[str], counts: Sequence[Sequence[int]], title: str) -> Markup:
    """A confusion matrix, a row for each true class. Cells are as dark as their share of the row; empty ones are not drawn."""
    size = SIDE / len(names)
    filled = [(row, column, count) for row, values in enumerate(counts) for column, count in enumerate(values) if count]
    cells = [
        {
            "kind": "right" if row == column else "wrong",
            "left": f"{column * size:.1f}",
            "top": f"{row * size:.1f}",
            "size": f"{size:.1f}",
            "opacity": f"{0.12 + 0.88 * share(counts[row], count):.2f}",
            "words": f"{names[row]}: {count} of {sum(counts[row])} "
            + ("right" if row == column else f"taken for {names[column]}"),
        }
        for row, column, count in filled
    ]
    every = max(1, math.ceil(len(names) / 30))
    labels = [
        Label("my", f"top:{(index + 0.5) * size / 10:.2f}%", name) for index, name in enumerate(names) if index % every == 0
    ]
    if len(names) <= 15:
        labels += [
            Label(
                "mc on" if share(counts[row], count) > 0.5 else "mc",
                f"left:{(column + 0.5) * size / 10:.2f}%;top:{(row + 0.5) * size / 10:.2f}%",
                str(count),
            )
            for row, column, count in filled
        ]
    return macro("charts.html", "matrix", title=title, cells=cells, labels=labels)


def share(values: Sequence[int], count: int) -> float:
    """A cell's part of its row."""
    return count / (sum(values) or 1)
