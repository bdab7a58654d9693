"""An axis of a plot is labelled with round numbers: decimal ones, times of a clock, or powers of ten."""

import math


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers within [low, high], about `count` of them: 1, 2 or 5 times a power of ten apart."""
    if not high > low:
        return [low]
    step = 10 ** math.floor(math.log10((high - low) / count))
    step *= min((1, 2, 5, 10), key=lambda factor: abs((high - low) / (factor * step) - count))
    first = math.ceil(low / step - 1e-9)
    return [float(f"{index * step:.10g}") for index in range(first, math.floor(high / step + 1e-9) + 1)]


def clock_ticks(low: float, high: float, count: int = 5) -> list[float]:
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


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten within [low, high], every second or third where they are many; as `ticks` where there is one or none."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    if last - first < 1:
        return [value for value in ticks(low, high) if value > 0]
    return [10.0**power for power in range(first, last + 1, max(1, (last - first + 4) // 5))]
