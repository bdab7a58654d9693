"""Elements of XML by a model's shapes: how the query and the REST protocols write lists, maps, times and names."""

import base64
import datetime
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from ..errors import AwsError

HEADER = '<?xml version="1.0" encoding="UTF-8"?>\n'
_ESCAPES = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;", ord('"'): "&quot;"}
_ESCAPES |= {code: f"&#{code};" for code in (*range(1, 32), 127)} | {0: "&#0;"}


class _NoDoctype(ElementTree.TreeBuilder):
    """A builder that takes no document type, and so no entities."""

    def doctype(self, name: str, public: str | None, system: str | None) -> None:
        raise AwsError("MalformedXML", "A document type is not allowed in a request.")


def parse_xml(body: bytes, shape: StructureShape) -> dict[str, Any]:
    """A request's XML document as members, still to be checked. Raises MalformedXML."""
    try:
        root = ElementTree.fromstring(body, ElementTree.XMLParser(target=_NoDoctype()))
    except (ElementTree.ParseError, ValueError, LookupError):
        message = "The XML you provided was not well-formed or did not validate against our published schema"
        raise AwsError("MalformedXML", message) from None
    return _parsed(shape, root)


def _parsed(shape: Shape, element: ElementTree.Element) -> Any:
    if isinstance(shape, StructureShape):
        return _parsed_structure(shape, element)
    if isinstance(shape, ListShape):
        return [_parsed(shape.member, item) for item in element]
    return from_text(shape, element.text or "")


def _parsed_structure(shape: StructureShape, element: ElementTree.Element) -> dict[str, Any]:
    children: dict[str, list[ElementTree.Element]] = {}
    for child in element:
        children.setdefault(child.tag.rpartition("}")[2], []).append(child)
    members: dict[str, Any] = {}
    for name, member in shape.members.items():
        flattened = isinstance(member, ListShape) and member.serialization.get("flattened")
        tag = member.serialization.get("name", name)
        if flattened:
            tag = member.serialization.get("name") or member.member.serialization.get("name", name)
        found = children.pop(tag, None)
        if not found:
            continue
        if flattened:
            members[name] = [_parsed(member.member, item) for item in found]
        else:
            members[name] = _parsed(member, found[0])
    for tag in children:
        members[tag] = ""  # unknown: the check names it
    return members


def from_text(shape: Shape, text: str) -> Any:
    """A scalar of the query and REST protocols, which is text on the wire. What does not parse stays text, for the check."""
    kind = shape.type_name
    if kind == "boolean":
        return {"true": True, "false": False}.get(text.lower(), text)
    try:
        if kind in ("integer", "long"):
            return int(text)
        if kind in ("float", "double"):
            return float(text)
    except ValueError:
        pass
    return text


def render_element(shape: Shape, value: Any, tag: str, parts: list[str], namespace: str = "") -> None:
    """Appends `<tag>...</tag>` for a value of a shape."""
    opening = f'{tag} xmlns="{namespace}"' if namespace else tag
    if isinstance(shape, StructureShape):
        attributes, inner = _attributes(shape, value)
        parts.append(f"<{opening}{attributes}>")
        render_members(shape, inner, parts)
    elif isinstance(shape, ListShape):
        parts.append(f"<{opening}>")
        for item in value:
            render_element(shape.member, item, shape.member.serialization.get("name", "member"), parts)
    elif isinstance(shape, MapShape):
        parts.append(f"<{opening}>")
        for key, item in value.items():
            parts.append(f"<entry><key>{escape(str(key))}</key>")
            render_element(shape.value, item, "value", parts)
            parts.append("</entry>")
    else:
        parts.append(f"<{opening}>{escape(to_text(shape, value))}")
    parts.append(f"</{tag}>")


def render_members(shape: StructureShape, value: Mapping[str, Any], parts: list[str]) -> None:
    """Appends the members of a structure. None is left out; a member that the model lacks is our bug (KeyError)."""
    for name, item in value.items():
        member = shape.members[name]
        if item is None:
            continue
        tag = member.serialization.get("name", name)
        if isinstance(member, ListShape) and member.serialization.get("flattened"):
            tag = member.serialization.get("name") or member.member.serialization.get("name", name)
            for entry in item:
                render_element(member.member, entry, tag, parts)
        else:
            render_element(member, item, tag, parts)


def to_text(shape: Shape, value: Any, *, header: bool = False) -> str:
    """A scalar as text. Times come as epoch seconds."""
    if shape.type_name == "boolean":
        return "true" if value else "false"
    if shape.type_name == "blob":
        return base64.b64encode(value).decode()
    if shape.type_name == "timestamp":
        if header:
            return formatdate(value, usegmt=True)
        moment = datetime.datetime.fromtimestamp(value, datetime.UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
    return str(value)


def escape(text: str) -> str:
    """Text for an element or an attribute; control characters become references."""
    return text.translate(_ESCAPES)


def _attributes(shape: StructureShape, value: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The members that are attributes, rendered, and the rest."""
    named = {name for name in value if shape.members[name].serialization.get("xmlAttribute")}
    if not named:
        return "", value
    written = "".join(f' {shape.members[name].serialization["name"]}="{escape(str(value[name]))}"' for name in named)
    return f' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"{written}', {k: v for k, v in value.items() if k not in named}
