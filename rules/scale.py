"""Numbers as a person reads them, and the round numbers that an axis shows. It draws nothing."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

Point = tuple[float, float]
MOST = 600
"""Points of a line that are drawn; more than the pixels of a page show nothing."""


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers within [low, high], about `count` of them: 1, 2 or 5 times a power of ten apart."""
    if not high > low:
        return [low]
    step = 10 ** math.floor(math.log10((high - low) / count))
    step *= min((1, 2, 5, 10), key=lambda factor: abs((high - low) / (factor * step) - count))
    first = math.ceil(low / step - 1e-9)
    return [float(f"{index * step:.10g}") for index in range(first, math.floor(high / step + 1e-9) + 1)]


def minutes(low: float, high: float, count: int = 5) -> list[float]:
    """Times within [low, high] that a clock shows as round ones, about `count` of them."""
    steps = (
        1,
        2,
        5,
        10,
        15,
        30,
        *(60 * minute for minute in (1, 2, 5, 10, 15, 30)),
        *(3600 * hour for hour in (1, 2, 6, 12, 24, 168)),
    )
    step = min(steps, key=lambda step: abs((high - low) / step - count))
    return [float(index * step) for index in range(math.ceil(low / step), math.floor(high / step) + 1)] or [low]


def decades(low: float, high: float) -> list[float]:
    """Powers of ten within [low, high], every second or third where they are many; as `ticks` where there is one or none."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    if last - first < 1:
        return [value for value in ticks(low, high) if value > 0]
    return [10.0**power for power in range(first, last + 1, max(1, (last - first + 4) // 5))]


def number(value: float | None) -> str:
    """Three figures that count: 0.123, 12.3, 1,234, 1.2e-7; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return "–"
    size = abs(value)
    if size >= 1e7 or (size and size < 1e-3):
        mantissa, _, power = f"{value:.2e}".partition("e")
        return f"{mantissa.rstrip('0').rstrip('.')}e{int(power)}"
    if size >= 999.5 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


def percent(value: float) -> str:
    """A share of a whole: 12.3 %, < 0.1 %."""
    return "< 0.1 %" if 0 < value < 0.05 else f"{value:.1f} %"


def span(seconds: float | None) -> str:
    """A duration: 340 µs, 12.3 ms, 4.56 s, 3 min 20 s, 2 h 5 min."""
    if seconds is None or not math.isfinite(seconds):
        return "–"
    if not 0 < seconds < 60:
        return _long(round(seconds)) or "0 s"
    factor, name = (1, "s") if seconds >= 1 else (1e3, "ms") if seconds >= 1e-3 else (1e6, "µs")
    return f"{number(seconds * factor)} {name}"


def _long(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, left = divmod(minutes, 60)
    parts = [(hours, "h"), (left, "min"), (0 if hours else rest, "s")]
    return " ".join(f"{count} {name}" for count, name in parts if count)


def clock(seconds: float) -> str:
    """A time as an axis has room for: 0:20, 1:05:00."""
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"


def thin(points: Sequence[Point], most: int = MOST) -> list[Point]:
    """At most about `most` of the points: the lowest and the highest of each stretch, so no peak is lost."""
    if len(points) <= most:
        return list(points)
    kept: list[Point] = []
    for part in np.array_split(np.arange(len(points)), most // 2):
        values = [points[index][1] for index in part]
        kept += [points[part[index]] for index in sorted({int(np.argmin(values)), int(np.argmax(values))})]
    return kept


def smooth(points: Sequence[Point]) -> list[Point]:
    """The running median over a twentieth of the points: one step's loss is noise."""
    width = max(3, len(points) // 20)
    values = np.array([value for _, value in points])
    return [
        (at, float(np.median(values[max(0, index - width // 2) : index + width // 2 + 1])))
        for index, (at, _) in enumerate(points)
    ]


def finite(points: Iterable[Sequence[float | None]]) -> list[Point]:
    """The points that can be drawn."""
    return [(float(x), float(y)) for x, y in points if x is not None and y is not None and math.isfinite(x) and math.isfinite(y)]
