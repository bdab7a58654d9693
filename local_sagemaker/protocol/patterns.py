"""The regular expressions of AWS's models, which are Java's, as Python's.

Only what the models use is translated: Unicode categories and POSIX classes, surrogate pairs, \\z, a hyphen beside a class.
A full match is always meant, and \\w, \\d and \\s are ASCII, as in Java.
"""

import functools
import re
import sys
import unicodedata

_POSIX = {"Alnum": "a-zA-Z0-9", "ASCII": r"\x00-\x7f", "Print": r"\x20-\x7e"}
_PROPERTY = re.compile(r"\\p\{(\w+)\}")


@functools.cache
def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern for `fullmatch`. Raises re.error for what is not translated."""
    text = pattern.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF").replace(r"\z", r"\Z").replace(r"\w-", r"\w\-")
    text = text.replace("${", "{") if "${" in text else text
    parts, inside, place = [], False, 0
    for found in _PROPERTY.finditer(text):
        before = text[place : found.start()]
        parts.append(before)
        inside = _in_class(before, inside)
        members = _POSIX.get(found[1]) or _category(found[1])
        parts.append(members if inside else f"[{members}]")
        place = found.end()
    parts.append(text[place:])
    return re.compile("".join(parts), re.ASCII)


def _in_class(text: str, inside: bool) -> bool:
    """Whether a character class is open after `text`."""
    bare = re.sub(r"\\.", "", text)
    opened, closed = bare.rfind("["), bare.rfind("]")
    return inside if opened == closed == -1 else opened > closed


@functools.cache
def _category(name: str) -> str:
    """A Unicode general category (L, M, N, P, S, Z) as the inside of a character class."""
    return _categories()[name]


@functools.cache
def _categories() -> dict[str, str]:
    ranges: dict[str, list[str]] = {}
    start, current = 0, "C"
    for code in range(sys.maxunicode + 2):
        category = unicodedata.category(chr(code))[0] if code <= sys.maxunicode else ""
        if category != current:
            ranges.setdefault(current, []).append(f"\\U{start:08x}-\\U{code - 1:08x}")
            start, current = code, category
    return {category: "".join(parts) for category, parts in ranges.items()}
