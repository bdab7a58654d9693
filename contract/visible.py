"""Text of unknown origin is shown without obeying it: characters that steer a terminal or reorder a line become escapes.

A label, a log line, a job's name or a reason may hold ESC, C1 controls or marks of writing direction. Each is shown as Python
writes it, such as \\x1b and \\u202e, so nothing is lost and nothing happens.
"""

_CONTROLS = [*range(0x20), *range(0x7F, 0xA0)]
"""C0, DEL and C1."""
_REORDERING = [0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
"""The marks of writing direction."""
_LINES = [0x2028, 0x2029]
"""Separators that some programs take for the end of a line."""
_INVISIBLE = [0xFEFF, *range(0xE0000, 0xE0080)]
"""The byte order mark, and tags that no font draws."""
_ESCAPES = {code: chr(code).encode("unicode_escape").decode() for code in (*_CONTROLS, *_REORDERING, *_LINES, *_INVISIBLE)} | {
    code: f"\\u{code:04x}" for code in range(0xD800, 0xE000)
}
"""Surrogates too: they stand for bytes that are no UTF-8, and cannot be printed."""
_ESCAPES_BUT_LAYOUT = {code: shown for code, shown in _ESCAPES.items() if chr(code) not in "\n\t"}


NOT_UTF8 = "has a name that is not UTF-8; rename it"
"""Said of a file or folder whose name `is_utf8` denies: no key of S3, no JSON and no table of a job can hold such a name."""


def is_utf8(name: str) -> bool:
    """Whether a name is text. Bytes of a file's name that are no UTF-8 are lone surrogates in Python."""
    return not any("\ud800" <= letter <= "\udfff" for letter in name)


def visible(text: str, *, lines: bool = False) -> str:
    """The text with such characters escaped; with `lines`, line feeds and tabs stay."""
    return text.translate(_ESCAPES_BUT_LAYOUT if lines else _ESCAPES)
