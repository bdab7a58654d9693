"""Whatever bytes a file holds, the readers of contract/ read it or refuse it in their own words, in little time and memory."""

import contextlib
import gzip
import io
import json
import pickle
import tarfile
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from contract import archive, manifest
from contract.archive import Limits
from contract.errors import ArchiveError, ArtefactError, PickleError, PictureError, SafetensorsError
from contract.pictures.picture import FORMATS, open_picture
from contract.weights import pickle_tree, safetensors_header, weights_file
from tests.support.fuzzing import MIB, bounded, fuzzed, json_values, mutated, peak

SMALL = Limits(members=50, bytes=1 << 20)
NAMES = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["../x", "/x", "a/../b", "a\\b", "C:x", ".", "a//b", "a/./b", "é", "\udcff", "x" * 300, "d/" * 2100 + "x"]),
)


def unpacked(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place, target = Path(folder) / "a.tar.gz", Path(folder) / "in" / "out"
        place.write_bytes(data)
        try:
            archive.unpack(place, target, SMALL)
        except ArchiveError as error:
            assert not target.exists() and list(target.parent.iterdir()) == []
            assert len(str(error)) < 1000
        assert sorted(path.name for path in Path(folder).iterdir()) == ["a.tar.gz", "in"]


def tar(members: list[tuple[str, bytes, bytes]], form: int = tarfile.PAX_FORMAT) -> bytes:
    """`members`: name, type and content."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as written:
        for name, kind, content in members:
            entry = tarfile.TarInfo(name)
            entry.type, entry.size, entry.linkname = kind, len(content), "elsewhere"
            written.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


TYPES = st.sampled_from([tarfile.REGTYPE] * 6 + [tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, b"S", b"Z"])
TAR = tar([("model.json", tarfile.REGTYPE, b"{}"), ("d", tarfile.DIRTYPE, b""), ("d/é" + "x" * 120, tarfile.REGTYPE, b"abc")])


@fuzzed(20)
@given(
    st.lists(st.tuples(NAMES, TYPES, st.binary(max_size=40)), max_size=6),
    st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]),
)
@example([("d/" * 2100 + "x", tarfile.REGTYPE, b"")], tarfile.PAX_FORMAT)
def test_an_archive_of_any_members_is_unpacked_below_its_folder_or_refused(
    members: list[tuple[str, bytes, bytes]], form: int
) -> None:
    with contextlib.suppress(UnicodeError, ValueError):  # which tarfile will not write
        data = gzip.compress(tar(members, form), 1)
        bounded(lambda: unpacked(data))


@fuzzed(40)
@given(mutated([TAR]))
def test_a_damaged_archive_is_unpacked_or_refused(data: bytes) -> None:
    bounded(lambda: unpacked(gzip.compress(data, 1)))


@fuzzed(13)
@given(mutated([gzip.compress(TAR)]))
def test_damaged_gzip_is_unpacked_or_refused(data: bytes) -> None:
    bounded(lambda: unpacked(data))


@fuzzed(10)
@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}(/[a-z]{1,8}){0,2}", fullmatch=True), st.binary(max_size=100), max_size=5))
def test_what_is_packed_comes_out(files: dict[str, bytes]) -> None:
    names = sorted(files)
    if any(other.startswith(f"{name}/") for name in names for other in names):
        return
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / "in" / name).parent.mkdir(parents=True, exist_ok=True)
            (Path(folder) / "in" / name).write_bytes(content)
        (Path(folder) / "in").mkdir(exist_ok=True)
        archive.pack(Path(folder) / "in", Path(folder) / "a.tar.gz")
        archive.unpack(Path(folder) / "a.tar.gz", Path(folder) / "out")
        found = {path.relative_to(Path(folder) / "out").as_posix(): path for path in (Path(folder) / "out").rglob("*")}
        assert {name: path.read_bytes() for name, path in found.items() if path.is_file()} == files


def _picture(form: str, **options: object) -> bytes:
    stream = io.BytesIO()
    pixels = np.arange(20 * 30 * 3, dtype=np.uint8).reshape(20, 30, 3)
    Image.fromarray(pixels).save(stream, form, **options)
    return stream.getvalue()


EXIF = Image.Exif()
EXIF[0x0112] = 6
PICTURES = [_picture(form) for form in FORMATS] + [
    _picture("JPEG", progressive=True, exif=EXIF.tobytes()),
    _picture("WEBP", lossless=True),
]


@fuzzed(100)
@given(mutated(PICTURES, changes=4))
def test_a_damaged_picture_is_decoded_or_refused(data: bytes) -> None:
    def decode() -> None:
        try:
            picture = open_picture(data, shorter_side=16)
        except PictureError as error:
            assert "\n" not in str(error) and len(str(error)) < 500
        else:
            assert picture.mode == "RGB" and picture.width * picture.height <= 40_000_000

    bounded(decode, seconds=3.0)  # of the largest picture that is taken


@fuzzed(13)
@given(st.sampled_from(PICTURES), st.integers(0, 60), st.binary(min_size=1, max_size=4))
def test_no_header_of_a_small_picture_costs_memory(sample: bytes, place: int, new: bytes) -> None:
    """Of Python's; what Pillow itself allocates is measured in tests/faults/test_20."""
    data = sample[:place] + new + sample[place + len(new) :]
    with contextlib.suppress(PictureError):
        assert peak(lambda: open_picture(data, shorter_side=16)) < 200 * MIB


def _safetensors(header: object, rest: bytes) -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + rest


def checked(data: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        with contextlib.suppress(SafetensorsError):
            safetensors_header.check(Path(file.name))
            with open(file.name, "rb") as stream:
                end = 0
                for entry in safetensors_header.read(stream):
                    assert type(entry.start) is type(entry.length) is int and entry.length >= 0
                    assert entry.start == end or not end
                    end = entry.start + entry.length
                assert end in (0, len(data))
        assert isinstance(weights_file.problem(Path(file.name)), str)


OFFSETS = st.one_of(st.tuples(st.integers(0, 8), st.integers(0, 8)), st.lists(json_values(3), max_size=3))
TENSORS = st.fixed_dictionaries(
    {
        "dtype": st.one_of(st.sampled_from(["F32", "BF16", "I64"]), json_values(3)),
        "shape": json_values(3),
        "data_offsets": OFFSETS,
    }
)


@fuzzed(40)
@given(
    st.one_of(st.dictionaries(st.text(max_size=5), st.one_of(TENSORS, json_values(4)), max_size=3), json_values()),
    st.binary(max_size=8),
)
@example({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0.0, 4]}}, b"\0\0\0\0")
@example({"w": {"dtype": "F32", "shape": [1], "data_offsets": [False, 4]}}, b"\0\0\0\0")
def test_any_safetensors_header_is_a_table_of_tensors_or_refused(header: object, rest: bytes) -> None:
    bounded(lambda: checked(_safetensors(header, rest)))


@fuzzed(26)
@given(mutated([_safetensors({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, bytes(8))]))
def test_a_damaged_safetensors_file_is_read_or_refused(data: bytes) -> None:
    bounded(lambda: checked(data))


def _torch_zip(root: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as written:
        written.writestr("a/data.pkl", root)
        written.writestr("a/data/0", bytes(8))
        written.writestr("a/version", "3\n")
    return stream.getvalue()


PICKLES = [pickle.dumps({"w": [1, 2.5, "x", b"y", None, (True,)], "v": {1, 2}}, protocol) for protocol in (0, 1, 2, 4, 5)] + [
    pickle.dumps(Path("x"), protocol) for protocol in (0, 2, 5)
]


@fuzzed(100)
@given(mutated(PICKLES))
@example(b"\x80\x04\x8d" + (1 << 62).to_bytes(8, "little"))
@example(b"\x80\x04\x96" + (1 << 40).to_bytes(8, "little") + b"x")
def test_a_damaged_pickle_is_a_tree_or_refused(data: bytes) -> None:
    def read() -> None:
        try:
            tree = pickle_tree.read(io.BytesIO(data), set())
        except PickleError as error:
            assert len(str(error)) < 400
        else:
            list(pickle_tree.storages(tree))

    bounded(read)


@fuzzed(26)
@given(mutated([_torch_zip(PICKLES[2]), *PICKLES, b"<html>", b"version https://git-lfs.github.com/spec/v1\n"]))
def test_a_damaged_file_of_weights_is_told(data: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        assert isinstance(bounded(lambda: weights_file.problem(Path(file.name))), str)


@fuzzed(26)
@given(json_values(20))
def test_any_manifest_is_read_or_refused(value: object) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "model.json").write_text(json.dumps(value))
        with pytest.raises(ArtefactError):
            bounded(lambda: manifest.read(Path(folder)))
