"""The pictures that benchmarks send: photographs, and the same as large as a camera makes them. Nothing is measured here."""

import argparse
import io
from pathlib import Path

import numpy as np
from PIL import Image

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
CAMERA = 3_000
"""Pixels of a camera-sized picture's shorter side: 12 million in all."""


def require(parser: argparse.ArgumentParser, *paths: Path) -> None:
    """End the program, with 2 and one line, when a file or folder that it needs is not there."""
    for path in paths:
        if not path.exists():
            parser.error(f"{path} is not there; photographs and pretrained weights are needed")


def photographs(folder: Path, count: int) -> list[bytes]:
    """At most `count` JPEG files below `folder`, evenly spread."""
    found = sorted(folder.rglob("*.jpg"))
    count = min(count, len(found))
    return [found[at * len(found) // count].read_bytes() for at in range(count)]


def camera_sized(body: bytes, seed: int) -> bytes:
    """A photograph as a camera would have made it: 12 million pixels with the grain of a sensor, or the decoder has it easy."""
    picture = Image.open(io.BytesIO(body)).convert("RGB")
    scale = CAMERA / min(picture.size)
    picture = picture.resize([round(side * scale) for side in picture.size], Image.Resampling.BICUBIC)
    pixels = np.asarray(picture).astype(np.int16)
    pixels += np.random.default_rng(seed).normal(0, 2, pixels.shape[:2]).astype(np.int16)[..., None]
    buffer = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=88)
    return buffer.getvalue()
