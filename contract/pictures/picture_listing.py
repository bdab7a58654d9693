"""The pictures of a data set's folder: one folder a class, and in it the files that are taken, left out, or cannot be used.

Launchers, training and salvage list by this, so what one of them counts the others count too. No file is opened.
"""

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from contract.visible import NOT_UTF8, is_utf8, visible

CONTENT_TYPES = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), "image/jpeg"),
    ".png": "image/png",
    ".webp": "image/webp",
}
"""Names of pictures that are opened, and what they are sent as. What is in a file is judged when it is opened."""
_UNOPENED = frozenset(
    {".gif", ".bmp", ".dib", ".tif", ".tiff", ".avif", ".heic", ".heif", ".fits", ".fit", ".svg", ".ico", ".jp2", ".psd"}
    | {".ppm", ".pgm", ".tga"}
)
"""Names of pictures in formats that are not opened."""
_SYSTEM = frozenset({"__MACOSX", "@eaDir", "#recycle", "$RECYCLE.BIN", "lost+found"})
"""Folders that operating systems put beside people's files."""
HIDDEN, LOOSE, OTHER = "hidden", "in no class folder", "no pictures by their names"


@dataclass(frozen=True, slots=True)
class Listed:
    """One picture file. `name`: below the listed folder, CLASS first. `problem`: why it must not be opened, or empty."""

    path: Path
    name: str
    class_name: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """`pictures`: those with a problem too, by class and name. `left_out`: names of everything else, by the reason."""

    classes: tuple[str, ...]
    pictures: tuple[Listed, ...]
    left_out: Mapping[str, tuple[str, ...]]

    @property
    def usable(self) -> list[Listed]:
        return [picture for picture in self.pictures if not picture.problem]

    def empty(self) -> dict[str, str]:
        """Classes without a usable picture, each with the first problem in it, or an empty text."""
        found = {picture.class_name for picture in self.usable}
        problems = {picture.class_name: f"{visible(picture.name)} {picture.problem}" for picture in reversed(self.pictures)}
        return {name: problems.get(name, "") for name in self.classes if name not in found}

    def left_out_words(self) -> str:
        """What is left out and why, counted and named, in one line; empty where nothing is."""
        return _counted(self.left_out)

    def problem_words(self) -> str:
        """The pictures that cannot be used and why, counted and named, in one line; empty where there are none."""
        rows: dict[str, list[str]] = defaultdict(list)
        for picture in self.pictures:
            if picture.problem:
                rows[f"of which each {picture.problem}"].append(picture.name)
        return _counted(rows)


def _counted(rows: Mapping[str, Sequence[str]]) -> str:
    shown = {reason: f"{visible(', '.join(names[:3]))}{', ...' if len(names) > 3 else ''}" for reason, names in rows.items()}
    return "; ".join(f"{len(names)} {reason} ({shown[reason]})" for reason, names in rows.items())


def listing(folder: Path) -> Listing:
    """Every class folder and what is in it and below, in an order that only names decide. Raises OSError."""
    root, pictures = folder.resolve(), []
    left_out: dict[str, list[str]] = defaultdict(list)
    for name in sorted(entry.name for entry in os.scandir(folder) if not entry.is_dir()):
        reason = HIDDEN if is_hidden(name) else LOOSE if _is_picture(name) else OTHER
        left_out[reason].append(name)
    classes = class_folders(folder)
    left_out[HIDDEN] += sorted(entry.name for entry in os.scandir(folder) if entry.is_dir() and is_hidden(entry.name))
    for name in classes:
        pictures += list(_of_class(folder, name, root, left_out))
    return Listing(tuple(classes), tuple(pictures), {reason: tuple(names) for reason, names in left_out.items() if names})


def class_folders(folder: Path) -> list[str]:
    """The names of the classes, sorted: every folder that is not hidden, a link to one too. Raises OSError."""
    return sorted(entry.name for entry in os.scandir(folder) if entry.is_dir() and not is_hidden(entry.name))


def is_hidden(name: str) -> bool:
    """Whether a file or folder is one that people do not see, or that their system made."""
    return name.startswith(".") or name in _SYSTEM


def _of_class(folder: Path, class_name: str, root: Path, left_out: dict[str, list[str]]) -> Iterator[Listed]:
    start = folder / class_name
    if not is_utf8(class_name):
        yield Listed(start, class_name, class_name, NOT_UTF8)
        return
    if start.is_symlink() and not _inside(start, root):
        yield Listed(start, class_name, class_name, "is a link to a place outside the folder")
        return
    for place, folders, files in os.walk(start):
        links = [name for name in folders if os.path.islink(os.path.join(place, name)) and not is_hidden(name)]
        hidden = sorted(name for name in (*folders, *files) if is_hidden(name))
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        below = Path(place).relative_to(folder)
        left_out[HIDDEN] += [(below / name).as_posix() for name in hidden]
        for name in sorted(files) + links:
            path, shown = Path(place, name), (below / name).as_posix()
            if is_hidden(name):
                continue
            if _is_picture(name) or name in links:
                yield Listed(path, shown, class_name, _problem(path, root) if is_utf8(shown) else NOT_UTF8)
            else:
                left_out[OTHER].append(shown)


def _is_picture(name: str) -> bool:
    return Path(name).suffix.lower() in {*CONTENT_TYPES, *_UNOPENED}


def _problem(path: Path, root: Path) -> str:
    if path.is_symlink() and not _inside(path, root):
        return "is a link to a place outside the folder"
    if not path.is_file():
        return "is not a regular file"
    if path.suffix.lower() in _UNOPENED:
        return f"is a {path.suffix.lower()} file, which is not opened; convert it to JPEG, PNG or WebP"
    return ""


def _inside(path: Path, root: Path) -> bool:
    try:
        return path.resolve(strict=True).is_relative_to(root)
    except (OSError, RuntimeError):
        return False
