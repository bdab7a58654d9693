"""Safe decoding of one picture to RGB, the same in training and in serving. Not preprocessing, not augmentation.

Only named formats are opened (Pillow's other decoders have had bombs of their own), the size is judged from the header
before a pixel is decoded, only the first frame is read, and EXIF is used for nothing but the orientation.
"""

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from contract.errors import PictureError, PictureFormatError, PictureMemoryError, PictureTooLargeError
from contract.pictures.picture_memory import MAX_DECODING_BYTES, decoding_bytes
from contract.reason import first_line

FORMATS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
"""Pillow's name of each accepted format, and its content type."""

MAX_DECODED_PIXELS = 40_000_000
"""Pixels decoded at most: 120 MB of RGB. A JPEG that decodes at reduced size counts by its reduced size."""
MAX_HEADER_PIXELS = 160_000_000
"""Pixels a header may claim, whatever it decodes to."""
MAX_SCANNED_PIXELS = 1_000_000_000
"""Pixels times scans of a progressive JPEG, at most: each scan goes over all of the picture, and costs its sender a few bytes.
Honest pictures have about ten scans. One below a megapixel counts as a megapixel, for a scan also costs something by itself."""

_START_OF_SCAN = b"\xff\xda"
_PIECE = 1 << 20
_STRIP_PIXELS = 1 << 18
"""Pixels converted to RGB at one time."""
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def open_picture(source: bytes | Path, *, shorter_side: int, max_pixels: int = MAX_DECODED_PIXELS) -> Image.Image:
    """Decode a JPEG, PNG or WebP to an upright RGB picture.

    `shorter_side`: the pixels the caller will scale the shorter side to; a JPEG of four times that or more is decoded at
    a half, quarter or eighth of its size, never below twice `shorter_side`.
    Raises PictureFormatError, PictureTooLargeError, PictureMemoryError or PictureError, with a message fit for whoever sent
    the picture.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            stream = io.BytesIO(source) if isinstance(source, bytes | bytearray | memoryview) else source
            with Image.open(stream, formats=tuple(FORMATS)) as picture:
                _judge_size(picture, shorter_side, max_pixels)
                turn = _turn(picture)
                picture.load()
                upright = _rgb(picture)
        del picture  # before the copy that a turn makes
        return upright if turn is None else upright.transpose(turn)
    except PictureError:
        raise
    except Image.DecompressionBombError:
        raise PictureTooLargeError(f"picture claims more than {MAX_HEADER_PIXELS:,} pixels") from None
    except UnidentifiedImageError:
        raise PictureFormatError(f"not a picture in an accepted format ({', '.join(FORMATS)})") from None
    except MemoryError:
        raise PictureMemoryError("picture does not fit into the memory that is left") from None
    # Pillow's decoders raise nearly anything on hostile bytes (OSError, SyntaxError, struct.error, zlib.error, EOFError ...).
    except Exception as error:
        raise PictureError(f"picture cannot be decoded: {_plain(error)}") from None


def _judge_size(picture: Image.Image, shorter_side: int, max_pixels: int) -> None:
    width, height = picture.size
    if min(width, height) < 1:
        raise PictureError("picture has no pixels")
    if width * height > MAX_HEADER_PIXELS:
        raise PictureTooLargeError(f"picture claims {width:,} x {height:,} pixels; at most {MAX_HEADER_PIXELS:,} are accepted")
    progressive = picture.info.get("progressive") or picture.info.get("progression")
    if progressive and (scans := _scans(picture)) * max(width * height, 1_000_000) > MAX_SCANNED_PIXELS:
        raise PictureError(f"picture of {width:,} x {height:,} pixels has {scans:,} scans; an honest one has about ten")
    if picture.format == "JPEG":
        short = min(width, height)
        if short >= 4 * shorter_side:
            scale = 2 * shorter_side / short
            picture.draft(None, (int(width * scale), int(height * scale)))
    # A JPEG of several scans keeps every coefficient in memory, whatever size it is decoded to.
    kept = progressive or (picture.format in ("JPEG", "MPO") and width * height > max_pixels and not _one_scan(picture))
    pixels = width * height if kept else picture.size[0] * picture.size[1]
    if pixels > max_pixels:
        raise PictureTooLargeError(f"picture has {width:,} x {height:,} pixels; at most {max_pixels:,} are decoded")
    coefficients = width * height * len(picture.getbands()) if kept else 0
    needed = decoding_bytes(picture.mode, *picture.size, webp=picture.format == "WEBP", coefficients=coefficients)
    if needed > MAX_DECODING_BYTES:
        what = f"picture of {width:,} x {height:,} pixels ({picture.format} {picture.mode})"
        mib = f"takes {(needed >> 20) + 1:,} MiB to decode; at most {MAX_DECODING_BYTES >> 20} are given to one"
        raise PictureTooLargeError(f"{what} {mib}")


def _one_scan(picture: Image.Image) -> bool:
    """Whether the first scan of a JPEG holds all of its components; then no other one follows."""
    stream = getattr(picture, "fp", None)
    assert stream is not None
    place = stream.tell()
    stream.seek(2)
    while (head := stream.read(4)) and head[:2] != _START_OF_SCAN:
        if len(head) < 4 or head[0] != 0xFF:
            break
        # A mark may be filled up with 0xff before it.
        stream.seek(-3 if head[1] == 0xFF else int.from_bytes(head[2:], "big") - 2, 1)
    components = stream.read(1)
    stream.seek(place)
    return head[:2] == _START_OF_SCAN and components == bytes([len(picture.getbands())])


def _scans(picture: Image.Image) -> int:
    """How often a JPEG says that a scan starts; nothing is decoded. Its data cannot hold that mark, an embedded preview can."""
    stream = getattr(picture, "fp", None)
    assert stream is not None
    place, count, last = stream.tell(), 0, b""
    stream.seek(0)
    while piece := stream.read(_PIECE):
        count += (last + piece).count(_START_OF_SCAN)
        last = piece[-1:]
    stream.seek(place)
    return count


def _turn(picture: Image.Image) -> Image.Transpose | None:
    try:
        return _TURNS.get(picture.getexif().get(_ORIENTATION, 1))
    except Exception:  # EXIF is a courtesy: a broken block never costs the picture.
        return None


def _rgb(picture: Image.Image) -> Image.Image:
    """A strip at a time: a conversion takes up to forty bytes a pixel."""
    if picture.mode == "RGB":
        return picture.copy() if picture.readonly else picture
    width, height = picture.size
    rows = max(1, _STRIP_PIXELS // width)
    if rows >= height:
        return _strip_rgb(picture)
    whole = Image.new("RGB", picture.size)
    for top in range(0, height, rows):
        whole.paste(_strip_rgb(picture.crop((0, top, width, min(top + rows, height)))), (0, top))
    return whole


def _strip_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I;16") or picture.mode == "I":
        # Pillow clips 16 bits at 255; a viewer shows the high byte.
        high = np.asarray(picture).astype(np.int64) >> 8
        return Image.fromarray(high.clip(0, 255).astype(np.uint8)).convert("RGB")
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        front = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", front.size, "white"), front).convert("RGB")
    return picture.convert("RGB")


def _plain(error: Exception) -> str:
    """An exception in printable ASCII: what goes to a client or a log must not carry the picture's bytes."""
    return first_line(error, 120).encode("ascii", "replace").decode("ascii")
