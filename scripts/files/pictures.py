"""Which files are pictures, and their bytes as an endpoint takes them: shrunk when they are too large for one request."""

import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from contract.errors import PictureError
from contract.pictures.picture import open_picture
from contract.pictures.picture_listing import CONTENT_TYPES, is_hidden
from scripts.errors import LaunchError

REQUEST_LIMIT = 6 * 1024 * 1024
"""Bytes that a real-time endpoint takes in one request."""
SIDES = (2048, 1024, 512)
"""Shorter sides in pixels that are tried in turn; no network here looks at more than half of the least."""


@dataclass(frozen=True, slots=True)
class Payload:
    """What is sent for one picture. `shrunk`: what was done to it, in words, where anything was."""

    body: bytes
    content_type: str
    shrunk: str | None = None


def pictures_below(folder: Path) -> list[Path]:
    """Every picture of a folder and its folders, in order of name; hidden ones are left out."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in CONTENT_TYPES)
    return sorted(path for path in found if not any(is_hidden(part) for part in path.relative_to(folder).parts))


def payload(picture: Path, limit: int = REQUEST_LIMIT) -> Payload:
    """The picture as it is, or as a smaller JPEG when it exceeds `limit` bytes. Raises LaunchError when it cannot be made so."""
    content_type = CONTENT_TYPES.get(picture.suffix.lower(), "application/x-image")
    size = picture.stat().st_size
    if size <= limit:
        return Payload(picture.read_bytes(), content_type)
    for side in SIDES:
        body, pixels = _smaller(picture, side)
        if len(body) <= limit:
            words = f"{size / 1e6:.1f} MB is over the limit of {limit / 1e6:.1f} MB: sent as {pixels}, {len(body) / 1e6:.1f} MB"
            return Payload(body, "image/jpeg", words)
    raise LaunchError(f"{picture}: {size / 1e6:.1f} MB, and no smaller copy fits into {limit / 1e6:.1f} MB")


def _smaller(picture: Path, side: int) -> tuple[bytes, str]:
    try:
        image = open_picture(picture, shorter_side=side)
    except PictureError as error:
        raise LaunchError(f"{picture}: too large to send as it is, and cannot be made smaller: {error}") from None
    scale = side / min(image.size)
    if scale < 1:
        image = image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))), Image.Resampling.LANCZOS)
    body = io.BytesIO()
    image.save(body, "JPEG", quality=90)
    return body.getvalue(), f"{image.width} x {image.height} JPEG"
