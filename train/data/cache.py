"""A cache of decoded pictures on local disk, private to one job on one host, so that each is decoded once and not every epoch.

It returns, pixel for pixel, what decoding gives, so a job learns the same with a full cache, a part of one, or none: where
nothing can be written, pictures are decoded again. A file is whole or absent, and the cache goes with the job's folder.
"""

import shutil
import struct
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from contract.files import write_whole

LARGEST = 8 << 30
"""Bytes of the whole cache, and never more than a quarter of what is free."""
_SIZE = struct.Struct("<II")


@dataclass(frozen=True, slots=True)
class Cache:
    """Pictures by their position in the collection. `allowance`: bytes of one picture at most; larger ones are left out, so all
    together keep to the limit whichever process writes them."""

    folder: Path
    allowance: int

    def get(self, index: int) -> Image.Image | None:
        """The decoded picture; None where it is not there."""
        try:
            data = self._path(index).read_bytes()
        except OSError:
            return None
        width, height = _SIZE.unpack_from(data)
        return Image.frombytes("RGB", (width, height), data[_SIZE.size :])

    def put(self, index: int, picture: Image.Image) -> None:
        """Keeps an RGB picture, if it is small enough and the disk takes it."""
        width, height = picture.size
        if width * height * 3 + _SIZE.size > self.allowance:
            return
        with suppress(OSError):
            write_whole(self._path(index), _SIZE.pack(width, height) + picture.tobytes())

    def _path(self, index: int) -> Path:
        return self.folder / f"{index}.rgb"


def create(folder: Path, pictures: int) -> Cache | None:
    """A cache for so many pictures in a new folder; None where that cannot be made."""
    try:
        folder.mkdir(exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError:
        return None
    return Cache(folder, min(LARGEST, free // 4) // max(1, pictures))
