"""Numbers are written as a person reads them: three figures, percent, durations."""

import math


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


def duration(seconds: float | None) -> str:
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


def clock_time(seconds: float) -> str:
    """A time as an axis has room for: 0:20, 1:05:00."""
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"
