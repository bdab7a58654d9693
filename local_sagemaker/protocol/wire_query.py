"""AWS's query protocol: a form in, XML out. Serves iam and sts."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

from ..errors import AwsError
from .wire_xml import HEADER, escape, from_text, render_members

CONTENT_TYPE = "text/xml"
_FIELDS = 2000
_INDEX = re.compile(r"[0-9]{1,9}")
"""The place of an item in a list. Python reads no number of thousands of digits."""


def parse_form(body: bytes) -> dict[str, str]:
    """The fields of a form. Raises MalformedQueryString."""
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_FIELDS)
    except (ValueError, UnicodeDecodeError):
        raise AwsError("MalformedQueryString", "The query string is malformed.", 404) from None
    return dict(pairs)


def parse(shape: StructureShape | None, fields: Mapping[str, str]) -> dict[str, Any]:
    """The members of a request, still to be checked; `Action` and `Version` are no members."""
    tree: dict[str, Any] = {}
    for name, text in fields.items():
        if name not in ("Action", "Version"):
            _plant(tree, name.split("."), text)
    return _members(shape, tree) if shape is not None else tree


def render(operation: OperationModel, reply: Mapping[str, Any], request_id: str) -> bytes:
    """An answer: `<ActionResponse><ActionResult>...`."""
    shape = operation.output_shape
    namespace = operation.metadata.get("xmlNamespace", "")
    parts = [HEADER, f'<{operation.name}Response xmlns="{namespace}">']
    if shape is not None:
        wrapper = shape.serialization.get("resultWrapper", f"{operation.name}Result")
        parts.append(f"<{wrapper}>")
        render_members(shape, reply, parts)
        parts.append(f"</{wrapper}>")
    parts.append(f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation.name}Response>")
    return "".join(parts).encode(errors="replace")


def render_error(error: AwsError, request_id: str) -> bytes:
    """An error as every AWS SDK reads it."""
    blame = "Sender" if error.status < 500 else "Receiver"
    return (
        f"{HEADER}<ErrorResponse><Error><Type>{blame}</Type><Code>{escape(error.code)}</Code>"
        f"<Message>{escape(error.message)}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    ).encode(errors="replace")


def _plant(tree: dict[str, Any], path: Sequence[str], text: str) -> None:
    if len(path) > 16:
        raise AwsError("MalformedQueryString", "The query string is nested too deeply.", 404)
    for step in path[:-1]:
        branch = tree.setdefault(step, {})
        if not isinstance(branch, dict):
            raise AwsError("MalformedQueryString", f"{'.'.join(path)} is given twice.", 404)
        tree = branch
    tree[path[-1]] = text


def _members(shape: StructureShape, tree: Mapping[str, Any]) -> dict[str, Any]:
    by_wire_name = {member.serialization.get("name", name): name for name, member in shape.members.items()}
    return {
        by_wire_name.get(wire, wire): _grown(shape.members[by_wire_name[wire]], branch) if wire in by_wire_name else branch
        for wire, branch in tree.items()
    }


def _grown(shape: Shape, branch: Any) -> Any:
    if isinstance(shape, StructureShape):
        return _members(shape, branch) if isinstance(branch, dict) else branch
    if isinstance(shape, ListShape):
        return [] if branch == "" else [_grown(shape.member, item) for item in _in_order(branch, "member")]
    if isinstance(shape, MapShape):
        return {entry.get("key", ""): _grown(shape.value, entry.get("value", "")) for entry in _in_order(branch, "entry")}
    return from_text(shape, branch) if isinstance(branch, str) else branch


def _in_order(branch: Any, wrapper: str) -> list[Any]:
    items = branch.get(wrapper, branch) if isinstance(branch, dict) else branch
    if not isinstance(items, dict) or not all(_INDEX.fullmatch(key) for key in items):
        raise AwsError("MalformedQueryString", "A list in the query string is malformed.", 404)
    return [items[key] for key in sorted(items, key=int)]
