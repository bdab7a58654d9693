"""Holds a request to all that botocore's model says of it: names, types, required members, and what boto3 does not look at."""

import re
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, Shape, StructureShape
from botocore.validate import ParamValidator


@cache
def model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def problems(call: dict[str, Any]) -> list[str]:
    """What is wrong with {"service", "operation", "request"}: nothing, it is to be hoped."""
    shape = model(call["service"]).operation_model(call["operation"]).input_shape
    report = ParamValidator().validate(call["request"], shape)
    found = [report.generate_report()] if report.has_errors() else []
    return found + list(_values(shape, call["request"], call["operation"]))


def _values(shape: Shape, value: Any, path: str) -> list[str]:
    found = []
    if isinstance(shape, StructureShape):
        for name, item in value.items():
            found += _values(shape.members[name], item, f"{path}.{name}")
    elif isinstance(shape, ListShape):
        found += _length(shape, len(value), path)
        for item in value:
            found += _values(shape.member, item, path)
    elif isinstance(shape, MapShape):
        found += _length(shape, len(value), path)
        for key, item in value.items():
            found += _values(shape.key, key, f"{path}.{key}") + _values(shape.value, item, f"{path}.{key}")
    elif isinstance(value, str):
        found += _length(shape, len(value), path)
        if shape.metadata.get("enum") and value not in shape.metadata["enum"]:
            found.append(f"{path}: {value} is none of {shape.metadata['enum'][:5]}...")
        pattern = shape.metadata.get("pattern")
        if pattern and not re.fullmatch(pattern.replace(r"\p{L}\p{Z}\p{N}", r"\w\s"), value):
            found.append(f"{path}: {value!r} does not match {pattern}")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        found += _length(shape, value, path)
    return found


def _length(shape: Shape, size: float, path: str) -> list[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if (low is not None and size < low) or (high is not None and size > high):
        return [f"{path}: {size} is not from {low} to {high}"]
    return []
