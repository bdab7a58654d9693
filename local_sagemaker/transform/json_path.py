"""The part of JSONPath that DataProcessing of a transform job takes: `$`, names, indexes, slices and `*`. No filters, no `..`.

A slice ends before its end, as in Python. Several names select an object of them, several indexes or a slice an array. What
follows a `*`, a slice or several indexes is looked for in each of the values that they select.
"""

import re
from dataclasses import dataclass
from typing import Any

_STEP = re.compile(
    r"\.(?P<name>[A-Za-z_][\w-]*)"
    r"|(?P<all>\.\*|\.?\[\s*\*\s*\])"
    r"|\.?\[\s*(?P<names>'[^']*'(?:\s*,\s*'[^']*')*|\"[^\"]*\"(?:\s*,\s*\"[^\"]*\")*)\s*\]"
    r"|\.?\[\s*(?P<items>[-\d:][-\d:,\s]*)\]"
)
_ITEM = re.compile(r"\s*(?:(?P<index>-?\d+)|(?P<start>-?\d+)?\s*:\s*(?P<end>-?\d+)?)\s*")

Items = tuple[int | slice, ...]
Step = tuple[str, ...] | Items | None
"""Names, or indexes and slices; None for all values."""


class BadPath(Exception):
    """A text is not such a path: the sentence says from where on."""


class NotThere(Exception):
    """A value has nothing at the place that a path names: the sentence says which step does not fit."""


@dataclass(frozen=True, slots=True)
class JsonPath:
    """A path. `text` is how it was written."""

    text: str
    steps: tuple[Step, ...]

    @classmethod
    def parse(cls, text: str) -> "JsonPath":
        """Raises BadPath."""
        if not text.startswith("$"):
            raise BadPath(f"{text!r} does not begin with $, which stands for the whole record")
        steps: list[Step] = []
        at = 1
        while at < len(text):
            found = _STEP.match(text, at)
            step = _step(found) if found else ()
            if found is None or step == ():
                raise BadPath(f"{text!r} is not understood from {text[at:]!r} on; known are .name, ['a','b'], [0,2], [1:3] and *")
            if steps and _names_many(steps[-1]):
                raise BadPath(f"{text!r} goes on after several names, which give an object")
            steps.append(step)
            at = found.end()
        return cls(text, tuple(steps))

    @property
    def is_root(self) -> bool:
        """Whether the path selects the whole record."""
        return not self.steps

    def select(self, value: Any) -> Any:
        """What the path names in a value of JSON. Raises NotThere."""
        return self._select(value, 0)

    def _select(self, value: Any, number: int) -> Any:
        if number == len(self.steps):
            return value
        step = self.steps[number]
        if step is None:
            if not isinstance(value, dict | list):
                raise NotThere(f"{self.text}: * is looked for in {_kind(value)}")
            return [self._select(one, number + 1) for one in (value.values() if isinstance(value, dict) else value)]
        if _is_names(step):
            found = {name: self._member(value, name) for name in step if isinstance(name, str)}
            return found if len(step) > 1 else self._select(next(iter(found.values())), number + 1)
        if len(step) == 1 and isinstance(step[0], int):
            return self._select(self._items(value, step)[0], number + 1)
        return [self._select(one, number + 1) for one in self._items(value, step)]

    def _member(self, value: Any, name: str) -> Any:
        if not isinstance(value, dict):
            raise NotThere(f"{self.text}: {name!r} is looked for in {_kind(value)}, and not in an object")
        if name not in value:
            raise NotThere(f"{self.text}: the object has no {name!r}")
        return value[name]

    def _items(self, value: Any, step: Step) -> list[Any]:
        if not isinstance(value, list):
            raise NotThere(f"{self.text}: an index is looked for in {_kind(value)}, and not in an array")
        found: list[Any] = []
        for item in step or ():
            if isinstance(item, slice):
                found += value[item]
            elif isinstance(item, int):
                if not -len(value) <= item < len(value):
                    raise NotThere(f"{self.text}: there is no index {item} in an array of {len(value)}")
                found.append(value[item])
        return found


def _step(found: re.Match[str]) -> Step:
    """A step; empty where the indexes in it are none."""
    if found["name"]:
        return (found["name"],)
    if found["all"]:
        return None
    if found["names"]:
        return tuple(name[1:-1] for name in re.findall(r"'[^']*'|\"[^\"]*\"", found["names"]))
    items: list[int | slice] = []
    for text in found["items"].split(","):
        item = _ITEM.fullmatch(text)
        if item is None:
            return ()
        if item["index"] is not None:
            items.append(int(item["index"]))
        else:
            items.append(slice(*(int(end) if end is not None else None for end in (item["start"], item["end"]))))
    return tuple(items)


def _is_names(step: Step) -> bool:
    return step is not None and isinstance(step[0], str)


def _names_many(step: Step) -> bool:
    return step is not None and _is_names(step) and len(step) > 1


def _kind(value: Any) -> str:
    kinds = {dict: "an object", list: "an array", str: "a text", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")
