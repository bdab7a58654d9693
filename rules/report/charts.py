"""Plots as small SVG beside HTML labels, so that lines stretch with the page and text keeps its size. No script is needed.

A plot's area is 1000 by 1000 whatever its size on the screen. Colours are classes c1 to c6 of theme.py. What cannot be drawn
(no finite point) is said in words, and no empty axes are left.
"""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from rules.report.axis_ticks import decades, minutes, ticks
from rules.report.curve import Point, finite, thin
from rules.report.number_format import clock, number, span

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
class _Scale:
    low: float
    high: float
    log: bool
    marks: list[float] = field(default_factory=list)

    def at(self, value: float) -> float:
        """0 to 1000; values outside lie on the edge."""
        low, high, value = (math.log10(max(number, 1e-300)) if self.log else number for number in (self.low, self.high, value))
        return min(max((value - low) / (high - low), 0.0), 1.0) * SIDE


def text(value: object) -> str:
    """Any value as HTML text."""
    return html.escape(str(value))


def key(name: str, tone: int, words: str = "") -> str:
    """A line of a legend."""
    return f'<span class="key"><i class="c{tone}"></i>{text(name)}{f" <b>{text(words)}</b>" if words else ""}</span>'


def unit(value: float, of: str) -> str:
    """A value of an axis, in the axis's unit: "s", "clock", "%" or ""."""
    if of in ("s", "clock"):
        return span(value) if of == "s" else clock(value)
    return f"{number(value)}{' %' if of == '%' else ''}"


def plot(lines: Sequence[Line], axes: Axes, title: str) -> str:
    """A plot of lines over one pair of axes."""
    drawn = [(line, _positive(finite(line.points), axes)) for line in lines]
    drawn = [(line, points) for line, points in drawn if points]
    if not drawn:
        return f'<p class="absent">{text(title)}: no finite value to plot.</p>'
    places = [x for _, points in drawn for x, _ in points]
    if axes.names:
        across = _Scale(-0.5, len(axes.names) - 0.5, False)
    else:
        across = _scale(places, axes.log_x, axes.left, axes.right, bare=True, clock=axes.unit_x == "clock")
    values = [y for _, points in drawn for _, y in points] + [value for value, _ in axes.limits]
    up = _scale(values, axes.log_y, axes.low, axes.high)
    names = {line.name: line.tone for line, _ in drawn if line.kind != "faint"}
    legend = "".join(key(name, tone) for name, tone in names.items()) if len(names) > 1 else ""
    legend = f'<span class="legend">{legend}</span>' if legend else ""
    about = "; ".join(f"{line.name} from {number(points[0][1])} to {number(points[-1][1])}" for line, points in drawn)
    scales = f'data-x="{across.low!r},{across.high!r},{int(across.log)},{axes.unit_x}" '
    scales += f'data-y="{up.low!r},{up.high!r},{int(up.log)},{axes.unit_y}"'
    paths = "".join(
        f'<path class="{line.kind} c{line.tone}" data-name="{text(line.name)}" d="{_path(points, across, up, line.kind)}"/>'
        for line, points in drawn
    )
    return (
        f'<figure class="plot" {scales}><figcaption><b>{text(title)}</b>{legend}</figcaption>'
        f'<div class="area"><svg viewBox="0 0 {SIDE} {SIDE}" preserveAspectRatio="none" role="img" '
        f'aria-label="{text(f"{title}. {about}")}"><path class="grid" d="{_grid(up)}"/>{_limits(axes, up)}{paths}</svg>'
        f"{_labels(axes, across, up)}</div><div class='under'>{text(axes.x)}</div></figure>"
    )


def _positive(points: list[Point], axes: Axes) -> list[Point]:
    """A logarithmic axis has no place for what is not above zero."""
    return [(x, y) for x, y in points if (not axes.log_y or y > 0) and (not axes.log_x or x > 0)]


def _scale(
    values: Sequence[float], log: bool, low: float | None, high: float | None, bare: bool = False, clock: bool = False
) -> _Scale:
    least = min(values) if low is None else low
    most = max(values) if high is None else high
    if least == most:
        least, most = (least / 2, most * 2) if log else (least - (abs(least) / 10 or 0.5), most + (abs(most) / 10 or 0.5))
    if log:
        return _Scale(least, most, True, decades(least, most))
    if not bare:
        margin = 0.05 * (most - least)
        least = least - margin if low is None and not 0 <= least < most / 2 else min(least, 0.0) if low is None else low
        most = most + margin if high is None else high
    return _Scale(least, most, False, (minutes if clock else ticks)(least, most))


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


def _limits(axes: Axes, up: _Scale) -> str:
    return "".join(
        f'<path class="limit" d="M0 {SIDE - up.at(value):.1f}H{SIDE}"><title>{text(name)}</title></path>'
        for value, name in axes.limits
    )


def _labels(axes: Axes, across: _Scale, up: _Scale) -> str:
    rows = [f'<span class="ty" style="top:{100 - up.at(v) / 10:.1f}%">{unit(v, axes.unit_y)}</span>' for v in up.marks]
    if axes.names:
        marks = [(float(index), name) for index, name in enumerate(axes.names)]
    else:
        marks = [(value, unit(value, axes.unit_x)) for value in across.marks]
    rows += [f'<span class="tx" style="left:{across.at(v) / 10:.1f}%">{text(name)}</span>' for v, name in marks]
    rows += [
        f'<span class="tl" style="top:{100 - up.at(value) / 10:.1f}%">{text(name)}</span>' for value, name in axes.limits if name
    ]
    return "".join(rows) + (f'<span class="tu">{text(axes.y)}</span>' if axes.y else "")


def histogram(values: Sequence[float], axes: Axes, title: str, bins: int = 40) -> str:
    """How often each value came, the largest included in the last bin."""
    import numpy as np

    counts, edges = np.histogram(np.asarray(values, dtype=float), bins=bins)
    points: list[Point] = [(float(edges[0]), 0.0)]
    for index, count in enumerate(counts):
        points += [(float(edges[index]), float(count)), (float(edges[index + 1]), float(count))]
    return plot([Line(name=axes.y, points=[*points, (float(edges[-1]), 0.0)], kind="area")], axes, title)


def bars(rows: Sequence[tuple[str, float, str]], title: str, tone: int = 1) -> str:
    """A bar a row, across: name, value, and the words beside it."""
    most = max((abs(value) for _, value, _ in rows), default=0.0) or 1.0
    body = "".join(
        f'<div class="row"><span class="name">{text(name)}</span><span class="rail"><i class="bar c{tone}" '
        f'style="width:{100 * abs(value) / most:.2f}%"></i></span><span class="value">{text(words)}</span></div>'
        for name, value, words in rows
    )
    return f'<figure class="bars"><figcaption><b>{text(title)}</b></figcaption>{body}</figure>'


def stack(parts: Sequence[tuple[str, float, str]], title: str) -> str:
    """Parts of a whole in one bar: name, share in percent, and the words beside it. The shares add up to 100."""
    shown = [(name, share, words, index % 6 + 1) for index, (name, share, words) in enumerate(parts) if share > 0]
    pieces = "".join(
        f'<i class="bar c{tone}" style="width:{share:.3f}%" title="{text(f"{name} {words}")}"></i>'
        for name, share, words, tone in shown
    )
    keys = "".join(key(name, tone, words) for name, _, words, tone in shown)
    return (
        f'<figure class="stack"><figcaption><b>{text(title)}</b></figcaption><div class="whole">{pieces}</div>'
        f'<div class="keys">{keys}</div></figure>'
    )


def matrix(names: Sequence[str], counts: Sequence[Sequence[int]], title: str) -> str:
    """A confusion matrix, a row for each true class. Cells are as dark as their share of the row; empty ones are not drawn."""
    size = SIDE / len(names)
    cells = []
    for row, values in enumerate(counts):
        total = sum(values) or 1
        for column, count in enumerate(values):
            if count:
                kind, words = ("right", "right") if row == column else ("wrong", f"taken for {names[column]}")
                cells.append(
                    f'<rect class="{kind}" x="{column * size:.1f}" y="{row * size:.1f}" width="{size:.1f}" height="{size:.1f}" '
                    f'style="fill-opacity:{0.12 + 0.88 * count / total:.2f}"><title>{text(names[row])}: {count} of {total} '
                    f"{text(words)}</title></rect>"
                )
    every = max(1, math.ceil(len(names) / 30))
    labels = "".join(
        f'<span class="my" style="top:{(index + 0.5) * size / 10:.2f}%">{text(name)}</span>'
        for index, name in enumerate(names)
        if index % every == 0
    )
    if len(names) <= 15:
        labels += "".join(
            f'<span class="mc{" on" if share(values, count) > 0.5 else ""}" '
            f'style="left:{(column + 0.5) * size / 10:.2f}%;top:{(row + 0.5) * size / 10:.2f}%">{count}</span>'
            for row, values in enumerate(counts)
            for column, count in enumerate(values)
            if count
        )
    svg = f'<svg viewBox="0 0 {SIDE} {SIDE}" preserveAspectRatio="none" role="img" aria-label="{text(title)}">'
    svg += "".join(cells) + "</svg>"
    return (
        f'<figure class="matrix"><figcaption><b>{text(title)}</b></figcaption><div class="square">{svg}{labels}</div>'
        f'<div class="under">columns: what the network said, in the same order</div></figure>'
    )


def share(values: Sequence[int], count: int) -> float:
    """A cell's part of its row."""
    return count / (sum(values) or 1)
