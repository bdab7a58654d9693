"""Draws a set of dog pictures in the dogImages layout: `python -m scripts.drawing.draw --to FOLDER`.

The drawn breeds differ in form and coat, not in colour or surroundings, so a classifier has to look at the dog. The same
seed gives the same bytes, however many processes draw. It is no substitute for photographs; it needs no download.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from contract.splits import FOLDERS
from scripts.drawing.breed import BREEDS, Breed
from scripts.drawing.dog import Part, build_dog
from scripts.drawing.scene import SUPERSAMPLE, Brush, Pose, background, clutter, develop, fence, hsv, oval, shade, tuft
from scripts.errors import LaunchError

VERSION = 1  # of the drawings: a set that another version drew is drawn again
QUALITY = 88  # of the JPEG files
SIZE = 144
SPLITS = tuple(FOLDERS.values())
MOST = 99_999
FINISHED, STARTED = "drawn.json", "drawing.json"
_OURS = re.compile(rf"{FINISHED}|{STARTED}|(train|valid|test)(/\d{{3}}\.(\w+)(/\3_\d{{5}}\.jpg)?)?")
Corner = NDArray[np.float64]
"""x and y, in pixels."""
Progress = Callable[[int, int], None]
"""Told how many pictures are drawn, and of how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Pictures of each class in each split."""

    train: int = 130
    valid: int = 20
    test: int = 25

    def __post_init__(self) -> None:
        for split, count in asdict(self).items():
            if not 1 <= count <= MOST:
                raise LaunchError(f"{split} {count}: need 1 to {MOST} pictures a class")


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of the set: its path below the set's folder, and what makes it the picture it is."""

    path: str
    breed: Breed
    seed: int


def draw(breed: Breed, seed: int, size: int) -> Image.Image:
    """One dog of the breed: RGB, `size` pixels square. The same breed, seed and size give the same picture."""
    rng = np.random.default_rng((seed, *breed.name.encode()))
    side = size * SUPERSAMPLE
    parts = build_dog(breed, rng)
    pose, (low, high) = _pose(parts, side, rng)
    horizon = np.clip(high[1] - side * rng.uniform(0.03, 0.3), 0.35 * side, 0.9 * side)
    page = background(side, horizon, rng)
    brush = Brush(page, side * rng.uniform(0.006, 0.01))
    for _ in range(int(rng.integers(0, 3))):
        clutter(brush, rng.uniform(0, side), rng.uniform(0.2 * side, side), side * rng.uniform(0.12, 0.3), rng)
    if rng.random() < 0.15:
        fence(brush, 0, side, high[1] - side * 0.35, high[1] - side * 0.02, rng)
    red, green, blue = page.crop((side // 2, side - 1, side // 2 + 1, side)).tobytes()
    shadow = shade((red, green, blue), 0.6)
    brush.fill([pose(oval(0, 0.02, 0.42 * (high[0] - low[0]) / pose.scale, 0.05))], shadow)
    for part in parts:
        shapes = [pose(shape) for shape in part.shapes]
        brush.fill(shapes, part.colour, part.ink)
        if part.marks:
            brush.fill_inside(shapes, [(pose(shape), colour) for shape, colour in part.marks])
    _occlude(brush, side, low, high, rng)
    return develop(page, size, rng)


def _pose(
    parts: Sequence[Part], side: int, rng: np.random.Generator
) -> tuple[Pose, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Turn, flip, size and place, all of the dog on the page; and the box it fills: its upper left and lower right corner."""
    points = np.concatenate([shape for part in parts for shape in part.shapes])
    x, y = (points.min(axis=0) + points.max(axis=0)) / 2
    angle, flipped = np.deg2rad(np.clip(rng.normal(0, 9), -25, 25)), bool(rng.random() < 0.5)
    turned = Pose((x, y), (0, 0), 1.0, angle, flipped)(points)
    low, high = turned.min(axis=0), turned.max(axis=0)
    scale = side * rng.uniform(0.72, 0.92) / (high - low).max()
    room = (side - (high - low) * scale) / 2
    place = side / 2 - scale * (low + high) / 2 + rng.uniform(-0.7, 0.7, 2) * room
    return Pose((x, y), (place[0], place[1]), scale, angle, flipped), (place + scale * low, place + scale * high)


def _occlude(brush: Brush, side: int, low: NDArray[np.float64], high: NDArray[np.float64], rng: np.random.Generator) -> None:
    """Things in front of the dog: grass at its paws, a toy, a low fence."""
    tall = high[1] - low[1]
    if rng.random() < 0.4:
        green = hsv(rng.random(), rng.uniform(0.2, 0.6), rng.uniform(0.3, 0.8))
        for x in rng.uniform(0, side, int(rng.integers(5, 25))):
            tuft(brush, x, high[1] + side * rng.uniform(0.0, 0.06), side * rng.uniform(0.05, 0.1), green, rng)
    if rng.random() < 0.35:
        clutter(brush, rng.uniform(low[0], high[0]), high[1] - tall * rng.uniform(-0.1, 0.2), side * rng.uniform(0.1, 0.17), rng)
    if rng.random() < 0.08:
        fence(brush, 0, side, high[1] - tall * rng.uniform(0.12, 0.25), high[1] + side * 0.3, rng)


def plan(seed: int, per_class: Counts) -> Iterator[Picture]:
    """Every picture of a set. No two share a seed and a breed, and more pictures leave the earlier ones as they were."""
    for offset, (split, count) in enumerate(asdict(per_class).items()):
        first = (seed * len(SPLITS) + offset) * (MOST + 1)
        for number, breed in enumerate(BREEDS, start=1):
            for index in range(1, count + 1):
                path = f"{split}/{number:03}.{breed.name}/{breed.name}_{index:05}.jpg"
                yield Picture(path, breed, first + index)


def write_set(
    folder: Path,
    *,
    seed: int = 0,
    per_class: Counts | None = None,
    size: int = SIZE,
    processes: int | None = None,
    progress: Progress | None = None,
) -> bool:
    """Draws the set into the folder, unless it is there already; says whether it drew.

    A set half drawn, or drawn from other parameters, is replaced. `processes`: as many as there are CPUs when not given.
    Raises LaunchError for a parameter out of range and for a folder that holds anything else.
    """
    if not (0 <= seed < 2**32 and 32 <= size <= 1024):
        raise LaunchError(f"seed {seed}, size {size}: need a seed of 0 to 4294967295 and 32 to 1024 pixels")
    per_class = per_class or Counts()
    pictures = list(plan(seed, per_class))
    about = {"version": VERSION, "seed": seed, "size": size, "per_class": asdict(per_class), "pictures": len(pictures)}
    if _is_finished(folder, about, pictures):
        return False
    _clear(folder)
    (folder / STARTED).write_text(json.dumps(about, indent=1) + "\n")
    for parent in {(folder / picture.path).parent for picture in pictures}:
        parent.mkdir(parents=True)
    processes = processes or len(os.sched_getaffinity(0))
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for done, _ in enumerate(pool.map(partial(_write, folder, size), pictures, chunksize=24), start=1):
            if progress:
                progress(done, len(pictures))
    os.replace(folder / STARTED, folder / FINISHED)
    return True


def _write(folder: Path, size: int, picture: Picture) -> None:
    draw(picture.breed, picture.seed, size).save(folder / picture.path, quality=QUALITY)


def _is_finished(folder: Path, about: dict[str, object], pictures: Sequence[Picture]) -> bool:
    try:
        if json.loads((folder / FINISHED).read_text()) != about:
            return False
    except (OSError, ValueError):
        return False
    return all((folder / picture.path).is_file() for picture in pictures)


def _clear(folder: Path) -> None:
    """Makes the folder, or empties it of an earlier set. Touches nothing unless all that is there was drawn here."""
    folder.mkdir(parents=True, exist_ok=True)
    found = sorted(folder.rglob("*"), reverse=True)  # what is inside a folder comes before it
    names = [path.relative_to(folder).as_posix() for path in found]
    marked = FINISHED in names or STARTED in names
    for path, name in zip(found, names, strict=True):
        drawn = path.is_dir() or marked
        if path.is_symlink() or not (drawn and _OURS.fullmatch(name)):
            raise LaunchError(f"{folder} holds {name}, which was not drawn here; give an empty or a new folder")
    for path in found:
        if path.is_dir():
            path.rmdir()
        elif path.name not in (FINISHED, STARTED):
            path.unlink()
    # The markers go last: an interrupted clearing is still known as ours.
    for name in (FINISHED, STARTED):
        (folder / name).unlink(missing_ok=True)


def contact_sheet(folder: Path, *, across: int = 4, each: int = 2, side: int = 96) -> Image.Image:
    """The first `each` test pictures of every class, `across` classes in a row, each class with its name below: RGB."""
    classes = sorted(path for path in (folder / "test").iterdir() if path.is_dir())
    caption, gap = 18, 6
    wide, high = each * side + gap, side + caption + gap
    sheet = Image.new("RGB", (across * wide + gap, -(-len(classes) // across) * high + gap), "white")
    pen = ImageDraw.Draw(sheet)
    for index, path in enumerate(classes):
        left, top = gap + index % across * wide, gap + index // across * high
        for column, file in enumerate(sorted(path.glob("*.jpg"))[:each]):
            with Image.open(file) as picture:
                sheet.paste(picture.resize((side, side), Image.Resampling.LANCZOS), (left + column * side, top))
        name = path.name.partition(".")[2].replace("_", " ")
        pen.text((left + 2, top + side + 1), name, fill="black", font=ImageFont.load_default(13))
    return sheet


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.drawing.draw", description="Draw a set of dog pictures, the same for the same seed."
    )
    parser.add_argument(
        "--to", type=Path, required=True, metavar="FOLDER", help="an empty or new folder, or an earlier set to replace"
    )
    parser.add_argument("--seed", type=int, default=0, help="another seed, other pictures (default: %(default)s)")
    for split, count in asdict(Counts()).items():
        parser.add_argument(f"--{split}", type=int, default=count, help="pictures a class (default: %(default)s)")
    parser.add_argument("--size", type=int, default=SIZE, help="pixels of a side (default: %(default)s)")
    given = parser.parse_args(arguments)
    try:
        per_class = Counts(train=given.train, valid=given.valid, test=given.test)
        drew = write_set(
            given.to, seed=given.seed, per_class=per_class, size=given.size, progress=_line if sys.stderr.isatty() else None
        )
    except (LaunchError, OSError) as error:
        print(f"draw: {error}", file=sys.stderr)
        return getattr(error, "status", 1)
    total = len(BREEDS) * sum(asdict(per_class).values())
    print(f"{total} pictures of {len(BREEDS)} breeds {'drawn in' if drew else 'were already in'} {given.to}")
    print(f"next: make demo DATA={given.to}")
    return 0


def _line(done: int, total: int) -> None:
    print(f"\rdrawing {done}/{total}", end="" if done < total else "\n", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
