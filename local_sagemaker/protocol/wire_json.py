"""AWS's JSON 1.1 protocol: a body in, a body out. SageMaker, CloudWatch Logs and ECR speak it."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from ..errors import AwsError

CONTENT_TYPE = "application/x-amz-json-1.1"


def parse(body: bytes) -> dict[str, Any]:
    """The members of a request, unchecked. Raises SerializationException for what is not a JSON object."""
    try:
        members = json.loads(body or b"{}", parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise AwsError("SerializationException", "The body is not valid JSON.") from None
    if not isinstance(members, dict):
        raise AwsError("SerializationException", "The body is not a JSON object.")
    if b"\\u" in body:
        try:
            json.dumps(members, ensure_ascii=False).encode()
        except UnicodeEncodeError:  # UTF-8 has no half of a surrogate pair, so no record, environment or header could hold it
            raise AwsError("SerializationException", "The body holds half of a surrogate pair.") from None
    return members


def render(shape: StructureShape | None, reply: Mapping[str, Any]) -> bytes:
    """An answer. Members whose value is None are left out; one that the model lacks is our bug (KeyError)."""
    if shape is None:
        return b""
    return json.dumps(_rendered(shape, reply), ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode(
        errors="replace"
    )


def render_error(error: AwsError) -> bytes:
    """An error as every AWS SDK reads it."""
    return json.dumps({"__type": error.code, "message": error.message, **error.fields}).encode()


def _rendered(shape: Shape, value: Any) -> Any:
    if isinstance(shape, StructureShape):
        return {name: _rendered(shape.members[name], item) for name, item in value.items() if item is not None}
    if isinstance(shape, ListShape):
        return [_rendered(shape.member, item) for item in value]
    if isinstance(shape, MapShape):
        return {str(key): _rendered(shape.value, item) for key, item in value.items()}
    if shape.type_name == "blob":
        return base64.b64encode(value).decode()
    if shape.type_name == "timestamp":
        return round(float(value), 3)
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
