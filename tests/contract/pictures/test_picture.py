"""Decoding: every accepted kind of picture comes out upright and RGB, every hostile one is refused before it costs."""

import io
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from contract.errors import PictureError, PictureFormatError, PictureTooLargeError
from contract.pictures.picture import FORMATS, MAX_SCANNED_PIXELS, open_picture
from contract.pictures.picture_memory import MAX_DECODING_BYTES, decoding_bytes
from contract.pictures.preprocess import Preprocessing, crop_pixels

RED, BLUE = (250, 10, 10), (10, 10, 250)


def encoded(picture: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def two_halves(width: int = 60, height: int = 40) -> Image.Image:
    """Red on top, blue below."""
    picture = Image.new("RGB", (width, height), BLUE)
    picture.paste(RED, (0, 0, width, height // 2))
    return picture


def looks_red(pixel) -> bool:
    return pixel[0] > 180 and pixel[2] < 80


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_comes_out_upright(orientation: int) -> None:
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Image.Transpose that stores an upright picture that way
    stored = two_halves() if orientation == 1 else two_halves().transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = open_picture(encoded(stored, "JPEG", quality=95, exif=exif), shorter_side=32)
    assert upright.size == (60, 40)
    assert looks_red(upright.getpixel((30, 5))) and not looks_red(upright.getpixel((30, 35)))


def test_sixteen_bit_grey_keeps_its_greys() -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None, :].repeat(8, axis=0)
    out = np.asarray(open_picture(encoded(Image.fromarray(ramp)), shorter_side=8))
    assert out.shape == (8, 256, 3)
    assert np.abs(out[0, :, 0].astype(int) - np.arange(256)).max() <= 1


def test_transparency_lies_on_white() -> None:
    clear = Image.new("RGBA", (9, 9), (0, 0, 0, 0))
    palette = clear.quantize(4)
    for data in (encoded(clear), encoded(clear, "WEBP", lossless=True), encoded(palette)):
        assert open_picture(data, shorter_side=8).getpixel((4, 4)) == (255, 255, 255)


@pytest.mark.parametrize("kind", ["1", "L", "LA", "P", "P with alpha", "RGBA", "I;16", "CMYK"])
def test_a_picture_converted_in_strips_is_the_one_converted_whole(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (70, 50, 4), np.uint8)
    source = Image.fromarray(pixels)
    if kind == "I;16":
        data = encoded(Image.fromarray(pixels[..., :2].copy().view(np.uint16)[..., 0]))
    elif kind == "P with alpha":
        data = encoded(source.quantize(200), transparency=bytes(range(200)))
    else:
        data = encoded(source.convert("RGB").convert(kind), "JPEG" if kind == "CMYK" else "PNG")
    whole = open_picture(data, shorter_side=20)
    monkeypatch.setattr("contract.pictures.picture._STRIP_PIXELS", 50 * 9)
    assert open_picture(data, shorter_side=20).tobytes() == whole.tobytes() and whole.size == (50, 70)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_png_modes(mode: str) -> None:
    assert open_picture(encoded(two_halves().convert(mode)), shorter_side=8).mode == "RGB"


def test_cmyk() -> None:
    out = open_picture(encoded(two_halves().convert("CMYK"), "JPEG", quality=95), shorter_side=32)
    assert out.mode == "RGB" and looks_red(out.getpixel((30, 5)))


def test_a_large_jpeg_is_decoded_at_reduced_size() -> None:
    data = encoded(Image.new("RGB", (4000, 3000), RED), "JPEG")
    assert open_picture(data, shorter_side=256).size == (1000, 750)
    assert open_picture(data, shorter_side=2000).size == (4000, 3000)


def test_decoding_at_reduced_size_gives_the_network_the_same_picture() -> None:
    rng = np.random.default_rng(4)
    coarse = Image.fromarray(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)).resize((2000, 1500), Image.Resampling.BICUBIC)
    grain = rng.normal(0, 2, (1500, 2000, 1))
    data = encoded(Image.fromarray((np.asarray(coarse) + grain).clip(0, 255).astype(np.uint8)), "JPEG", quality=90)
    reduced, whole = open_picture(data, shorter_side=256), Image.open(io.BytesIO(data)).convert("RGB")
    assert reduced.size == (1000, 750) and whole.size == (2000, 1500)
    spec = Preprocessing()
    difference = np.abs(crop_pixels(reduced, spec).astype(int) - crop_pixels(whole, spec).astype(int))
    assert difference.mean() < 0.5 and difference.max() <= 4, (difference.mean(), difference.max())


def test_odd_pictures(shared_data) -> None:
    listed = json.loads((shared_data / "odd" / "manifest.json").read_text())["files"]
    for name, facts in listed.items():
        data = (shared_data / "odd" / name).read_bytes()
        accepted = facts["pillow"].get("format") in (*FORMATS, "MPO")
        if accepted and facts["pillow"]["decodes"]:
            assert open_picture(data, shorter_side=256).mode == "RGB", name
        else:
            with pytest.raises(PictureError):
                open_picture(data, shorter_side=256)


def bomb(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(50_000, 50_000), (12_000, 13_000), (8_000, 6_000)])
def test_too_many_pixels_are_refused_from_the_header(size: tuple[int, int]) -> None:
    with pytest.raises(PictureTooLargeError, match="pixels"):
        open_picture(bomb(*size), shorter_side=256)


def test_a_progressive_jpeg_counts_in_full() -> None:
    data = encoded(Image.new("RGB", (8000, 6000), RED), "JPEG", progressive=True)
    with pytest.raises(PictureTooLargeError):
        open_picture(data, shorter_side=256)


def test_text_bomb_in_png() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("note", "x" * (70 << 20), zip=True)
    with pytest.raises(PictureError):
        open_picture(encoded(two_halves(), pnginfo=info), shorter_side=8)


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "PPM", "ICO"])
def test_other_formats_are_never_opened(kind: str) -> None:
    with pytest.raises(PictureFormatError, match="JPEG, PNG, WEBP"):
        open_picture(encoded(two_halves(), kind), shorter_side=8)


def test_a_message_never_carries_the_pictures_bytes() -> None:
    for data in (b"", b"\xff\xd8\xff\xe0 \xe2\x80\xae", b"<svg onload=alert(1)>", bytes(range(256)) * 9):
        with pytest.raises(PictureError) as caught:
            open_picture(data, shorter_side=8)
        assert str(caught.value).isascii() and str(caught.value).isprintable() and "svg" not in str(caught.value)


def many_scans(scans: int, width: int = 1000, height: int = 1000) -> bytes:
    """A progressive JPEG, grey, with as many scans: the first one gives the picture, each other one changes nothing for a few
    bytes, by runs of blocks without coefficients."""
    blocks = -(-width // 8) * -(-height // 8)
    sizes = struct.pack(">BHHBBBB", 8, height, width, 1, 1, 0x11, 0)
    table = bytes([1] + [0] * 15)  # one code, of one bit
    start = b"\xff\xd8" + _segment(0xDB, bytes([0] + [16] * 64)) + _segment(0xC2, sizes)
    start += _segment(0xC4, b"\x00" + table + b"\x00") + _segment(0xC4, b"\x10" + table + b"\xe0")
    first = _segment(0xDA, bytes([1, 1, 0x00, 0, 0, 0])) + bytes(-(-blocks // 8))
    bits = ("0" + "10" * 7) * -(-blocks // 27_306)
    bits += "0" * (-len(bits) % 8)
    run = bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))
    return start + first + (_segment(0xDA, bytes([1, 1, 0x00, 1, 63, 0])) + run) * (scans - 1) + b"\xff\xd9"


def _segment(mark: int, body: bytes) -> bytes:
    return bytes([0xFF, mark]) + struct.pack(">H", len(body) + 2) + body


def test_a_progressive_picture_of_so_many_scans_is_decoded_and_of_one_more_is_not(tmp_path: Path) -> None:
    scans = MAX_SCANNED_PIXELS // 1_000_000
    for width in (1000, 100):
        assert open_picture(many_scans(scans, width), shorter_side=256).size == (width, 1000)
        path = tmp_path / "many.jpg"
        path.write_bytes(many_scans(scans + 1, width))
        for source in (path, path.read_bytes()):
            with pytest.raises(PictureError, match=f"picture of {width:,} x 1,000 pixels has 1,001 scans"):
                open_picture(source, shorter_side=256)


def test_a_mark_between_two_pieces_of_a_file_is_counted() -> None:
    whole = many_scans(1001)
    at = whole.index(b"\xff\xda")
    comment = b"x" * 60_000
    padding = ((1 << 20) - 1 - at) // (len(comment) + 4)
    last = (1 << 20) - 1 - at - padding * (len(comment) + 4) - 4
    data = whole[:2] + _segment(0xFE, comment) * padding + _segment(0xFE, b"x" * last) + whole[2:]
    assert data.index(b"\xff\xda") == (1 << 20) - 1
    with pytest.raises(PictureError, match="1,001 scans"):
        open_picture(data, shorter_side=256)


def column(mode: int, rows: int) -> bytes:
    """A PNG of one column, 8 bits a sample; `mode` is PNG's colour type."""
    samples = {0: 1, 2: 3, 4: 2, 6: 4}[mode]
    head = struct.pack(">IIBBBBB", 1, rows, 8, mode, 0, 0, 0)
    body = zlib.compress(bytes((1 + samples) * rows), 1)
    parts = [(b"IHDR", head), (b"IDAT", body), (b"IEND", b"")]
    chunks = [struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def test_a_picture_that_takes_the_budget_is_decoded_and_one_of_a_row_more_is_not() -> None:
    rows = MAX_DECODING_BYTES // 24  # a pointer and four bytes a row, twice
    assert open_picture(column(0, rows), shorter_side=256).size == (1, rows)
    with pytest.raises(PictureTooLargeError, match=rf"1 x {rows + 1:,} pixels \(PNG L\) takes 385 MiB to decode; at most 384"):
        open_picture(column(0, rows + 1), shorter_side=256)


def test_the_budget_counts_what_each_decoder_holds() -> None:
    assert decoding_bytes("RGB", 8000, 5000, webp=False, coefficients=0) <= MAX_DECODING_BYTES
    assert decoding_bytes("RGB", 5000, 5000, webp=True, coefficients=0) <= MAX_DECODING_BYTES
    assert decoding_bytes("RGB", 5100, 5000, webp=True, coefficients=0) > MAX_DECODING_BYTES
    assert decoding_bytes("CMYK", 1250, 625, webp=False, coefficients=4 * 40_000_000) <= MAX_DECODING_BYTES


def scan_by_scan(width: int, height: int) -> bytes:
    """A JPEG that is not progressive and has a scan for each of its three components; grey, two bits a block."""
    blocks = -(-width // 8) * -(-height // 8)
    sizes = struct.pack(">BHHB", 8, height, width, 3) + bytes([1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0])
    table = bytes([1] + [0] * 15)
    start = b"\xff\xd8" + _segment(0xDB, bytes([0] + [16] * 64)) + _segment(0xC0, sizes)
    start += _segment(0xC4, b"\x00" + table + b"\x00") + _segment(0xC4, b"\x10" + table + b"\x00")
    scans = (_segment(0xDA, bytes([1, number, 0x00, 0, 63, 0])) + bytes(-(-blocks // 4)) for number in (1, 2, 3))
    return start + b"".join(scans) + b"\xff\xd9"


def test_a_jpeg_of_several_scans_counts_in_full() -> None:
    assert open_picture(scan_by_scan(4000, 4000), shorter_side=256).size == (1000, 1000)
    with pytest.raises(PictureTooLargeError, match="12,000 x 12,000 pixels"):
        open_picture(scan_by_scan(12_000, 12_000), shorter_side=256)
    # One scan of all components is decoded row by row, so its size at an eighth counts.
    assert open_picture(encoded(Image.new("RGB", (8000, 6000), RED), "JPEG"), shorter_side=256).size == (1000, 750)
