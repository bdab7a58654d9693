"""Checks a request against the API's own model: types, required members, lengths, ranges, patterns, enums, unknown members.

The words are AWS's. This is the only gate against names such as `../../x`: boto3 checks no pattern. It runs before an
operation does, so nothing has been touched when it refuses.
"""

import base64
import binascii
import datetime
import math
import re
from collections.abc import Mapping
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

from ..errors import AwsError, validation
from .patterns import compiled

_JSON_NAMES = {bool: "BOOLEAN_VALUE", int: "NUMBER_VALUE", float: "DECIMAL_VALUE", str: "STRING_VALUE"}
_JAVA_NAMES = {
    "string": "String",
    "character": "String",
    "integer": "Integer",
    "long": "Long",
    "float": "Float",
    "double": "Double",
    "boolean": "Boolean",
    "timestamp": "Date",
    "blob": "Blob",
    "list": "List",
    "map": "Map",
    "structure": "Structure",
}
_PATTERN_CHARACTERS = 100_000  # nothing with a pattern is that long; a pattern is not run on more


def check(shape: StructureShape | None, value: Mapping[str, Any]) -> dict[str, Any]:
    """The request in Python's types: times as epoch seconds, blobs as bytes, members sent as null left out.

    Raises SerializationException for a wrong type and ValidationException for all broken constraints at once.
    """
    problems: list[str] = []
    checked = _structure(shape, value, "", problems) if shape is not None else {}
    if shape is None and value:
        problems.append(f"Unknown member at '{_camel(next(iter(value)))}': this operation takes none")
    if problems:
        count = len(problems)
        noun = "error" if count == 1 else "errors"
        raise validation(f"{count} validation {noun} detected: {'; '.join(problems[:10])}")
    return checked


def _value(shape: Shape, value: Any, path: str, problems: list[str]) -> Any:
    if isinstance(shape, StructureShape):
        _need(shape, value, Mapping, path)
        return _structure(shape, value, path, problems)
    if isinstance(shape, ListShape):
        _need(shape, value, list, path)
        _length(shape, value, len(value), path, problems)
        return [
            _value(shape.member, item, f"{path}.{at}.member", problems) for at, item in enumerate(value, 1) if item is not None
        ]
    if isinstance(shape, MapShape):
        _need(shape, value, Mapping, path)
        return _map(shape, value, path, problems)
    return _scalar(shape, value, path, problems)


def _structure(shape: StructureShape, value: Mapping[str, Any], path: str, problems: list[str]) -> dict[str, Any]:
    checked = {}
    dot = f"{path}." if path else ""
    for name in shape.required_members:
        if value.get(name) is None:
            problems.append(_problem(None, dot + _camel(name), "Member must not be null"))
    for name, item in value.items():
        if name not in shape.members:
            problems.append(f"Unknown member at '{dot}{name}': {shape.name} has no such member")
        elif item is not None:
            checked[name] = _value(shape.members[name], item, dot + _camel(name), problems)
    given = [name for name in shape.members if name in checked]
    if shape.metadata.get("union") and len(given) != 1 and not problems:
        problems.append(_problem(given, path, f"Member must have exactly one of [{', '.join(shape.members)}]"))
    return checked


def _map(shape: MapShape, value: Mapping[str, Any], path: str, problems: list[str]) -> dict[str, Any]:
    _length(shape, value, len(value), path, problems)
    checked = {}
    for key, item in value.items():
        inner: list[str] = []
        key_checked = _value(shape.key, key, path, inner)
        if inner:
            problems.append(_problem(value, path, f"Map keys must satisfy constraint: [{_constraints(inner)}]"))
        inner = []
        if item is not None:
            checked[key_checked] = _value(shape.value, item, f"{path}.{key}.member", inner)
        if inner and isinstance(shape.value, StringShape):
            problems.append(_problem(value, path, f"Map value must satisfy constraint: [{_constraints(inner)}]"))
        else:
            problems.extend(inner)
    return checked


def _scalar(shape: Shape, value: Any, path: str, problems: list[str]) -> Any:
    kind = shape.type_name
    if kind in ("string", "character"):
        _need(shape, value, str, path)
        _string(shape, value, path, problems)
        return value
    if kind == "boolean":
        _need(shape, value, bool, path)
        return value
    if kind in ("integer", "long"):
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        _need(shape, value, int, path)
        if abs(value) >= 2 ** (31 if kind == "integer" else 63):
            raise _wrong_type(shape, value, path)
        _range(shape, value, path, problems)
        return value
    if kind in ("float", "double"):
        _need(shape, value, (int, float), path)
        _range(shape, value, path, problems)
        return float(value)
    if kind == "timestamp":
        return _timestamp(shape, value, path)
    if kind == "blob":
        return _blob(shape, value, path, problems)
    raise TypeError(f"{shape.name}: a {kind} in a request")


def _timestamp(shape: Shape, value: Any, path: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    if isinstance(value, str):
        try:
            moment = datetime.datetime.fromisoformat(value)
            return moment.replace(tzinfo=moment.tzinfo or datetime.UTC).timestamp()
        except (ValueError, OverflowError):
            pass
    raise _wrong_type(shape, value, path)


def _blob(shape: Shape, value: Any, path: str, problems: list[str]) -> bytes:
    if isinstance(value, str):
        try:
            value = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise _wrong_type(shape, value, path) from None
    if not isinstance(value, bytes):
        raise _wrong_type(shape, value, path)
    _length(shape, "blob", len(value), path, problems)
    return value


def _string(shape: Shape, value: str, path: str, problems: list[str]) -> None:
    _length(shape, value, len(value), path, problems)
    options = shape.metadata.get("enum")
    if options and value not in options:
        problems.append(_problem(value, path, f"Member must satisfy enum value set: [{', '.join(options)}]"))
    pattern = shape.metadata.get("pattern")
    if pattern and (len(value) > _PATTERN_CHARACTERS or not compiled(pattern).fullmatch(value)):
        problems.append(_problem(value, path, f"Member must satisfy regular expression pattern: {pattern}"))


def _length(shape: Shape, value: Any, length: int, path: str, problems: list[str]) -> None:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and length < least:
        problems.append(_problem(value, path, f"Member must have length greater than or equal to {least}"))
    if most is not None and length > most:
        problems.append(_problem(value, path, f"Member must have length less than or equal to {most}"))


def _range(shape: Shape, value: float, path: str, problems: list[str]) -> None:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if math.isnan(value) or (least is not None and value < least):
        problems.append(_problem(value, path, f"Member must have value greater than or equal to {least}"))
    if most is not None and value > most:
        problems.append(_problem(value, path, f"Member must have value less than or equal to {most}"))


def _need(shape: Shape, value: Any, kind: Any, path: str) -> None:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise _wrong_type(shape, value, path)


def _wrong_type(shape: Shape, value: Any, path: str) -> AwsError:
    got = _JSON_NAMES.get(type(value)) or ("Start of list" if isinstance(value, list) else "Start of structure or map")
    wanted = _JAVA_NAMES.get(shape.type_name, shape.type_name)
    return AwsError("SerializationException", f"{got} can not be converted to {wanted} at '{path}'")


def _problem(value: Any, path: str, constraint: str) -> str:
    return f"{_shown(value)} at '{path}' failed to satisfy constraint: {constraint}"


def _constraints(problems: list[str]) -> str:
    return ", ".join(problem.partition("failed to satisfy constraint: ")[2] for problem in problems)


def _shown(value: Any) -> str:
    """As AWS prints a value in an error; never longer than a line, and nothing in it can break the line."""
    if value is None:
        return "Value null"
    if isinstance(value, Mapping):
        text = "{" + ", ".join(f"{key}={item}" for key, item in value.items()) + "}"
    else:
        text = f"[{', '.join(str(item) for item in value)}]" if isinstance(value, list) else str(value)
    text = re.sub(r"[\x00-\x1f\x7f\ud800-\udfff]", "?", text)
    return f"Value '{text if len(text) <= 300 else text[:300] + '...'}'"


def _camel(name: str) -> str:
    return name[:1].lower() + name[1:]
