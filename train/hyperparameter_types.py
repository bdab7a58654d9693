"""Parsers of hyperparameter values: each takes what SageMaker sent and returns the value.

A parser raises ValueError with the end of the sentence "... is not ...". config.py says which hyperparameter has which parser.
"""

import difflib
import importlib.util
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

_DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


def _plain(value: Any) -> Any:
    """The value without JSON's quotes: the SDK encodes strings, so a number may arrive quoted, and quoted once more."""
    for _ in range(3):
        if not isinstance(value, str):
            break
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            break
    return value


def _number(value: Any) -> int | float | None:
    """The number that was written, as JSON has it or as people write it: `.001`, `1.`, `+0.001`; None for anything else."""
    plain = _plain(value)
    if isinstance(plain, str) and _DECIMAL.fullmatch(plain.strip()):
        return float(plain)
    return plain if isinstance(plain, int | float) and not isinstance(plain, bool) else None


def whole(low: int, high: int) -> Callable[[Any], int]:
    def rule(value: Any) -> int:
        number = _number(value)
        if number is None or number != number // 1 or not low <= number <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(number)

    return rule


def auto(low: int, high: int) -> Callable[[Any], int | None]:
    within = whole(low, high)

    def rule(value: Any) -> int | None:
        try:
            return None if _plain(value) == "auto" else within(value)
        except ValueError as error:
            raise ValueError(f"'auto' or {error}") from None

    return rule


def number(low: float, high: float, *, above: bool) -> Callable[[Any], float]:
    """`above`: the value must lie above `low`; at `low` or above otherwise."""

    def rule(value: Any) -> float:
        number = _number(value)
        good = number is not None and abs(number) <= high and math.isfinite(number)
        if number is None or not good or number < low or (above and number == low):
            raise ValueError(f"a number {'above' if above else 'from'} {low:g} {'and at most' if above else 'to'} {high:g}")
        return float(number)

    return rule


def choice(*allowed: str) -> Callable[[Any], str]:
    def rule(value: Any) -> str:
        text = _plain(value)
        if text not in allowed:
            raise ValueError(f"one of {', '.join(allowed)}")
        return text

    return rule


def architecture(value: Any) -> str:
    text, known = _plain(value), architectures()
    if text not in known:
        close = difflib.get_close_matches(str(text)[:64], known, n=2, cutoff=0.5) or list(known[:2])
        raise ValueError(f"one of torchvision's {len(known)} classifiers, such as {' or '.join(close)}")
    return text


def architectures() -> tuple[str, ...]:
    """The classifiers of the installed torchvision, read from its source: importing it takes seconds."""
    spec = importlib.util.find_spec("torchvision")
    assert spec is not None and spec.origin is not None
    sources = sorted((Path(spec.origin).parent / "models").glob("*.py"))
    return tuple(sorted(name for path in sources for name in _registered(path.read_text(encoding="utf-8"))))


def _registered(source: str) -> list[str]:
    return re.findall(r"^@register_model\(\)\n(?:@.*\n)*def (\w+)\(", source, re.MULTILINE)
