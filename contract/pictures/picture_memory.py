"""What decoding one picture takes of the memory, told from its header before a pixel is decoded, and the budget for it.

The figures are those of Pillow and its decoders, measured; `contract.pictures.picture` keeps to them.
"""

MAX_DECODING_BYTES = 384 << 20
"""Bytes that decoding one picture may take: 40 million pixels of RGB that are turned upright, or 25 million of WebP."""

_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2}
"""Bytes of a pixel as Pillow keeps it, by its mode; 4 in every other one, RGB too."""
_ROW_POINTER = 8
_WEBP_BYTES = 12
"""Bytes of a pixel that the WebP decoder holds beside the picture: its canvas, the one before, and what it hands over."""
_COEFFICIENT_BYTES = 2


def decoding_bytes(mode: str, width: int, height: int, *, webp: bool, coefficients: int) -> int:
    """The most bytes that are held at one time from an opened, not yet decoded picture to an upright RGB one.

    `mode`: Pillow's. `coefficients`: how many a JPEG keeps until its last scan, 0 where it decodes row by row.
    """
    rgb = max(_stored("RGB", width, height), _stored("RGB", height, width))
    work = coefficients * _COEFFICIENT_BYTES + (width * height * _WEBP_BYTES if webp else 0)
    # First the decoder and its picture; then that one and one in RGB, or one in RGB and the same upright.
    return max(_stored(mode, width, height) + work, 2 * rgb)


def _stored(mode: str, width: int, height: int) -> int:
    """Rows are padded to four bytes, and each has a pointer: a picture of one column takes twelve bytes a pixel."""
    return height * (_ROW_POINTER + -(-width * _BYTES.get(mode, 4) // 4) * 4)
