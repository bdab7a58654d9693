"""A rule's parameters arrive as strings, as AWS sends them, and become the typed fields of the rule's dataclass."""

import math
import re
from collections.abc import Mapping
from dataclasses import MISSING, Field, field, fields
from typing import Any, ClassVar, Protocol, TypeVar

from rules.errors import ParameterError


class Dataclass(Protocol):
    """What dataclasses.fields takes."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


RuleType = TypeVar("RuleType", bound=Dataclass)
_TRUE, _FALSE = ("true", "1", "yes"), ("false", "0", "no")


def number(
    default: float | None, least: float = -math.inf, most: float = math.inf, *, over: float = -math.inf, whole: bool = False
) -> Any:
    """A float or int parameter within [least, most] and above `over`; an int where the default is one or with `whole`.
    None: not set."""
    kind = int if whole or isinstance(default, int) else float
    return field(default=default, metadata={"parse": _number(kind, least, most, over)})


def flag(default: bool) -> Any:
    """A parameter that is true or false."""
    return field(default=default, metadata={"parse": _flag})


def text(default: str | None) -> Any:
    """A parameter that is any text."""
    return field(default=default, metadata={"parse": lambda name, value: value})


def regex(default: str | None) -> Any:
    """A parameter that is a regular expression, found anywhere in a tensor's name as smdebug does."""
    return field(default=default, metadata={"parse": _regex})


def names(default: tuple[str, ...] = ()) -> Any:
    """A parameter that is a list with commas, such as collection names."""
    return field(default=default, metadata={"parse": _list})


def known(rule: type[Dataclass]) -> list[str]:
    """The names of a rule's parameters."""
    return [one.name for one in fields(rule) if "parse" in one.metadata]


def build(rule: type[RuleType], given: Mapping[str, str]) -> RuleType:
    """The rule with these parameters. Raises ParameterError with the rule, the name and what is allowed."""
    parsers = {one.name: one.metadata["parse"] for one in fields(rule) if "parse" in one.metadata}
    values = {}
    for name, value in given.items():
        if name not in parsers:
            raise ParameterError(f"{rule.__name__} has no parameter {name!r}. It has: {', '.join(sorted(parsers)) or 'none'}.")
        if value.strip().lower() == "none" and _default(rule, name) is None:
            continue
        try:
            values[name] = parsers[name](name, value.strip())
        except ValueError as error:
            raise ParameterError(f"{rule.__name__}.{name}: {value!r} {error}.") from None
    return rule(**values)


def _default(rule: type[Dataclass], name: str) -> Any:
    default = next(one.default for one in fields(rule) if one.name == name)
    return None if default is MISSING else default


def _number(kind: type, least: float, most: float, over: float) -> Any:
    def parse(name: str, value: str) -> float:
        try:
            parsed = float(value)
        except ValueError:
            raise ValueError("is not a number") from None
        if kind is int:
            if not parsed.is_integer():
                raise ValueError("is not a whole number")
            parsed = int(parsed)
        if math.isnan(parsed) or not least <= parsed <= most or parsed <= over:
            bounds = [f"above {over:g}"] * (over > -math.inf) + [f"at least {least:g}"] * (least > -math.inf)
            raise ValueError(f"has to be {' and '.join(bounds + [f'at most {most:g}'] * (most < math.inf))}")
        return parsed

    return parse


def _flag(name: str, value: str) -> bool:
    if value.lower() not in _TRUE + _FALSE:
        raise ValueError("is neither True nor False")
    return value.lower() in _TRUE


def _regex(name: str, value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from None
    return value


def _list(name: str, value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in re.split(r"[,;]", value) if part.strip())
