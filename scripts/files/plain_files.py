"""The regular files below a folder that is to be uploaded; what is left out is counted, and a link is refused by name."""

import os
import stat
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from contract.visible import NOT_UTF8, is_utf8
from scripts.errors import LaunchError

LEFT_OUT = ("__pycache__", ".git", ".ipynb_checkpoints", ".venv", ".kennel")
"""Folders that belong to a checkout and not to a job; .kennel holds the key of the local server."""
_LOCK = ".#"
"""So begin the links by which Emacs locks a file that is edited."""
_FEW = 10_000


@dataclass(frozen=True, slots=True)
class PlainFiles:
    """`files`: by their names below the folder, with slashes, sorted. `left_out`: how often each name was met of what is
    left out."""

    files: dict[str, Path]
    left_out: dict[str, int]

    def left_out_words(self) -> str:
        """Such as `__pycache__ (3), .git`; empty when nothing was left out."""
        return ", ".join(f"{name} ({count})" if count > 1 else name for name, count in self.left_out.items())


def plain_files(what: str, folder: Path, most: int = _FEW) -> PlainFiles:
    """`what`: the option that named the folder. Raises LaunchError for a link, a special file, a folder or a name that cannot be
    read, and for more than `most` files."""
    files: dict[str, Path] = {}
    left_out: Counter[str] = Counter()
    pending = [""]
    while pending:
        below = pending.pop()
        for entry in _entries(what, folder, below):
            name = below + entry.name
            mode = entry.stat(follow_symlinks=False).st_mode
            is_lock = stat.S_ISLNK(mode) and entry.name.startswith(_LOCK)
            if is_lock or (stat.S_ISDIR(mode) and entry.name in LEFT_OUT):
                left_out[entry.name] += 1
            elif stat.S_ISDIR(mode):
                pending.append(f"{name}/")
            elif stat.S_ISREG(mode):
                files[_checked(what, folder, name)] = Path(entry.path)
            else:
                kind = "a link" if stat.S_ISLNK(mode) else "neither a file nor a folder"
                raise LaunchError(f"{what} {folder}: {name} is {kind}; put the file itself there, or take it away")
            if len(files) > most:
                raise LaunchError(f"{what} {folder}: more than {most:,} files; give a folder that holds less")
    return PlainFiles(dict(sorted(files.items())), dict(sorted(left_out.items())))


def _entries(what: str, folder: Path, below: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder / below) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise LaunchError(f"{what} {folder}: {below or 'it'} cannot be read: {error.strerror}") from None


def _checked(what: str, folder: Path, name: str) -> str:
    if not is_utf8(name):
        raise LaunchError(f"{what} {folder}: {name} {NOT_UTF8}")
    return name
