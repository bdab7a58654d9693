"""Pictures that are small to send and huge to decode."""

import gzip
import io
import struct
import zlib

from PIL import Image

Bombs = dict[str, tuple[bytes, set[int]]]


def decompression_bombs() -> Bombs:
    """Body and the statuses that are right for it. A huge but harmless EXIF block may just as well be ignored."""
    return {
        "30,000 x 30,000 PNG, all of it there": (_png(30_000, 30_000, whole=True), {413}),
        "30,000 x 30,000 PNG, header only": (_png(30_000, 30_000, whole=False), {413}),
        "2^31 x 2^31 PNG": (_png(2**31 - 1, 2**31 - 1, whole=False), {400, 413}),
        "FITS in gzip": (_fits(), {400}),
        "GIF of 10,000 frames": (_gif(10_000), {400}),
        "JPEG with 5 MB of EXIF": (_jpeg(exif=b"Exif\0\0" + b"\0" * 65_000, times=76), {200, 400}),
        "JPEG with 4 MB of ICC": (_jpeg_with_icc(4 << 20), {200, 400}),
        "PNG with 400 MB of ICC and text in zlib": (_png_with_text(400 << 20), {200, 400}),
        "JPEG nested in a JPEG 500 times": (_nested(500), {200, 400}),
        "progressive JPEG that claims 65,500 x 65,500": (_lying_jpeg(65_500, 65_500), {400, 413}),
        "WebP that claims 16,383 x 16,383": (_webp(16_383, 16_383), {400, 413}),
        "TIFF, which is not accepted": (_tiff(), {400}),
    }


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(width: int, height: int, *, whole: bool) -> bytes:
    rows = zlib.compress(b"\0" * ((width // 8 + 1) * height), 9) if whole else zlib.compress(b"\0" * 100)
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


def _png_with_text(size: int) -> bytes:
    bomb = zlib.compress(b"\0" * size, 9)
    header = struct.pack(">IIBBBBB", 64, 64, 8, 0, 0, 0, 0)
    extra = _chunk(b"iCCP", b"x\0\0" + bomb) + _chunk(b"zTXt", b"x\0\0" + bomb)
    pixels = _chunk(b"IDAT", zlib.compress(b"\0" * 65 * 64))
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + extra + pixels + _chunk(b"IEND", b"")


def _fits() -> bytes:
    cards = [
        f"SIMPLE  = {'T':>20}",
        f"BITPIX  = {8:>20}",
        f"NAXIS   = {2:>20}",
        f"NAXIS1  = {30000:>20}",
        f"NAXIS2  = {30000:>20}",
    ]
    head = "".join(card.ljust(80) for card in [*cards, "END"]).ljust(2880).encode()
    return gzip.compress(head + b"\0" * (200 << 20), 9)


def _gif(frames: int) -> bytes:
    one = b"!\xf9\x04\0\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0"
    return b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff" + one * frames + b";"


def _small_jpeg(**settings: object) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), "olive").save(buffer, "JPEG", **settings)
    return buffer.getvalue()


def _jpeg(*, exif: bytes, times: int) -> bytes:
    segment = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    plain = _small_jpeg()
    return plain[:2] + segment * times + plain[2:]


def _jpeg_with_icc(size: int) -> bytes:
    return _small_jpeg(icc_profile=b"\0" * size)


def _nested(times: int) -> bytes:
    inside = _small_jpeg()
    for _ in range(times):
        thumbnail = b"Exif\0\0" + inside[:60_000]
        inside = inside[:2] + b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail + _small_jpeg()[2:]
    return inside * 20


def _lying_jpeg(width: int, height: int) -> bytes:
    data = bytearray(_small_jpeg(progressive=True))
    place = data.index(b"\xff\xc2")
    data[place + 5 : place + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def _webp(width: int, height: int) -> bytes:
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    vp8x = b"VP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + canvas
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16)).save(buffer, "WEBP", lossless=True)
    inside = vp8x + buffer.getvalue()[12:]
    return b"RIFF" + struct.pack("<I", 4 + len(inside)) + b"WEBP" + inside


def _tiff() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64)).save(buffer, "TIFF")
    return buffer.getvalue()
