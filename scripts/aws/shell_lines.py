"""Lines that set a variable in a shell, or take it away, whatever the value holds: quotes, line ends, `$`, control characters.

What a terminal must not be sent is spelled out in the shell's own way, so that output.emit, which would change it, finds none.
"""

import os
import re
import shlex
from collections.abc import Callable, Mapping

from scripts.output import CONTROLS

_POWERSHELL_QUOTES = re.compile("['\u2018\u2019\u201a\u201b]")
"""Each of them ends a text there."""


def _posix(name: str, value: str | None) -> str:
    if value is None:
        return f"unset {name}"
    parts = _parts(
        value, shlex.quote, lambda odd: "\"$(printf '" + "".join(f"\\{byte:03o}" for byte in os.fsencode(odd)) + "')\""
    )
    return f"export {name}={''.join(parts)}"


def _fish(name: str, value: str | None) -> str:
    if value is None:
        return f"set -e {name}"

    def quoted(text: str) -> str:
        escaped = text.replace("\\", "\\\\").replace("'", "\\'")
        return f"'{escaped}'"

    parts = _parts(value, quoted, lambda odd: "".join(f"\\X{byte:02x}" for byte in os.fsencode(odd)))
    return f"set -gx {name} {''.join(parts)}"


def _powershell(name: str, value: str | None) -> str:
    """In one line, as each line of a program's output is another text there."""
    if value is None:
        return f"Remove-Item -ErrorAction Ignore Env:{name}"
    lines = value.split("\n")
    texts = [" + ".join(_parts(line, _powershell_text, lambda odd: f"[char]{ord(odd)}")) for line in lines]
    return f"$Env:{name} = {' + [char]10 + '.join(texts)}"


def _powershell_text(text: str) -> str:
    return "'" + _POWERSHELL_QUOTES.sub(lambda quote: quote[0] * 2, text) + "'"


def _parts(value: str, quoted: Callable[[str], str], spelled: Callable[[str], str]) -> list[str]:
    """A value as words of a shell that stand side by side, the first of them quoted."""
    found = re.split(f"({CONTROLS.pattern})", value)
    return [quoted(part) if index % 2 == 0 else spelled(part) for index, part in enumerate(found) if part or index == 0]


SHELLS: Mapping[str, Callable[[str, str | None], str]] = {"sh": _posix, "fish": _fish, "powershell": _powershell}
"""How each shell sets a variable, or with None takes it away."""
