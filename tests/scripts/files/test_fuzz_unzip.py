"""Whatever a zip holds, pictures come out of it below one folder, or a LaunchError names it and nothing is left."""

import io
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.console import Console

from scripts.cli.terminal import Terminal
from scripts.errors import LaunchError
from scripts.files.unzip import Limits, unzip
from tests.support.fuzzing import bounded, fuzzed, mutated

SAY = Terminal(Console(file=io.StringIO()))
METHODS = (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
SMALL = Limits(pictures=20, bytes_each=1000, bytes_all=5000)
NAMES = ["train", "valid", "test", "a", "001.B", "x.jpg", "x.JPG", "x.png", "..", ".", "", ".hidden", "é", "a\\b", "C:"]
PARTS = st.sampled_from([*NAMES, "x" * 300])


def zipped(members: list[tuple[str, bytes]]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as written:
        for place, (name, content) in enumerate(members):
            info = zipfile.ZipInfo("x")
            info.filename, info.compress_type = name, METHODS[place % len(METHODS)]
            written.writestr(info, content)
    return stream.getvalue()


PICTURES = [("dogs/train/a/1.jpg", b"one"), ("dogs/valid/a/2.png", b"two"), ("dogs/test/é/3.jpg", b"x" * 900)]
GOOD = zipped([*PICTURES, ("dogs/readme.txt", b"x")])


def unpack(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place, target = Path(folder) / "a.zip", Path(folder) / "in" / "out"
        place.write_bytes(data)
        try:
            unzip(place, target, SAY, SMALL)
        except LaunchError as error:
            assert "a.zip" in str(error) and not list(target.parent.iterdir())
        else:
            assert [path.name for path in target.parent.iterdir()] == ["out"]
            assert all(len(path.relative_to(target).parts) == 3 for path in target.rglob("*") if path.is_file())
        assert sorted(path.name for path in Path(folder).iterdir()) == ["a.zip", "in"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
@fuzzed(60)
@given(st.lists(st.tuples(st.lists(PARTS, max_size=5).map("/".join), st.binary(max_size=30)), max_size=5))
@example([("train/a/x.jpg", b"1"), ("train/A/X.JPG", b"2")])
@example([("train/a/x.jpg", b"1" * 1001)])
def test_a_zip_of_any_members_is_unpacked_or_refused(members: list[tuple[str, bytes]]) -> None:
    bounded(lambda: unpack(zipped(members)))


@fuzzed(120)
@given(mutated([GOOD]))
@example(GOOD.replace("é".encode(), b"\xff\xfe"))
def test_a_damaged_zip_is_unpacked_or_refused(data: bytes) -> None:
    bounded(lambda: unpack(data))
