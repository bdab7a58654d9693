"""A value of a job's JSON is taken only as what it has to be: Python's JSON knows NaN, infinity and numbers of any size."""

import math
from typing import Any

LARGEST = 1 << 62
"""Of a whole number: a place in a file, a step, a process id."""


def finite(value: Any) -> float:
    """A number, or a text of one. Raises ValueError or TypeError for anything else, NaN, infinity and what is too large."""
    try:
        number = float(value)
    except OverflowError:
        raise ValueError("a number is too large") from None
    if not math.isfinite(number):
        raise ValueError(f"{number} where a finite number belongs")
    return number


def whole(value: Any, least: int = -LARGEST) -> int:
    """A number without its fraction, from `least` to LARGEST. Raises ValueError or TypeError."""
    finite(value)
    number = int(value)
    if not least <= number <= LARGEST:
        raise ValueError(f"a number is not between {least} and {LARGEST}")
    return number


def text(value: Any) -> str:
    """A text. Raises TypeError."""
    if not isinstance(value, str):
        raise TypeError(f"a {type(value).__name__} where a text belongs")
    return value


def inner_path(value: Any) -> str:
    """The name of a file below the source: not absolute, and not out of it by `..`. Raises ValueError or TypeError."""
    name = text(value)
    if not name or name.startswith("/") or ".." in name.split("/") or "\0" in name:
        raise ValueError("the name of a file leads out of the job's folder")
    return name
