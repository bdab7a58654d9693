"""Unpacking a zip of pictures: the splits wherever they lie in it, and nothing that could do harm."""

import io
import stat
import zipfile
from pathlib import Path

import pytest
from rich.console import Console

from scripts.cli.terminal import Terminal
from scripts.errors import LaunchError
from scripts.files.unzip import Limits, unzip

SAY = Terminal(Console(file=io.StringIO()))


def make(path: Path, members: dict[str, bytes], kind: int = 0) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members.items():
            member = zipfile.ZipInfo(name)
            member.external_attr = kind << 16
            archive.writestr(member, body)
    return path


def test_pictures_come_out_and_nothing_else(tmp_path: Path) -> None:
    members = {
        "dogImages/train/001.A/1.jpg": b"1",
        "dogImages/valid/001.A/2.JPG": b"2",
        "dogImages/test/001.A/3.png": b"3",
        "__MACOSX/dogImages/train/001.A/._1.jpg": b"no",
        "dogImages/train/.DS_Store": b"no",
        "dogImages/readme.txt": b"no",
        "dogImages/train/001.A/run.sh": b"no",
    }
    unzip(make(tmp_path / "a.zip", members), tmp_path / "out", SAY)
    found = {
        path.relative_to(tmp_path / "out").as_posix(): path.read_bytes()
        for path in (tmp_path / "out").rglob("*.*")
        if path.is_file()
    }
    assert found == {"train/001.A/1.jpg": b"1", "valid/001.A/2.JPG": b"2", "test/001.A/3.png": b"3"}


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("../train/A/1.jpg", 0, "not a plain relative name"),
        ("/train/A/1.jpg", 0, "not a plain relative name"),
        ("train\\..\\..\\1.jpg", 0, "not a plain relative name"),
        ("c:/train/A/1.jpg", 0, "not a plain relative name"),
        ("train/A/1\n.jpg", 0, "not a plain relative name"),
        ("train/A/1.jpg", stat.S_IFLNK, "not a regular file"),
        ("train/A/1.jpg", stat.S_IFIFO, "not a regular file"),
        ("other/1.jpg", 0, "no picture in it"),
    ],
)
def test_what_could_do_harm_is_refused_by_name(tmp_path: Path, name: str, kind: int, said: str) -> None:
    with pytest.raises(LaunchError, match=said):
        unzip(make(tmp_path / "a.zip", {name: b"x"}, kind), tmp_path / "in" / "out", SAY)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.zip", "in"]


def test_a_bomb_writes_no_more_than_the_limit(tmp_path: Path) -> None:
    archive = make(tmp_path / "a.zip", {f"train/A/{number}.jpg": bytes(1 << 20) for number in range(4)})
    for limits in (Limits(bytes_each=1000), Limits(bytes_all=3 << 20), Limits(pictures=3)):
        with pytest.raises(LaunchError, match=r"unpacks to more than|more than 3 pictures"):
            unzip(archive, tmp_path / "out", SAY, limits)
        assert not (tmp_path / "out").exists()


def test_twice_the_same_place_and_half_a_zip(tmp_path: Path) -> None:
    with pytest.raises(LaunchError, match="in it twice"):
        unzip(make(tmp_path / "a.zip", {"x/train/A/1.jpg": b"1", "train/a/1.JPG": b"2"}), tmp_path / "out", SAY)
    whole = make(tmp_path / "b.zip", {"train/A/1.jpg": b"1" * 5000}).read_bytes()
    (tmp_path / "b.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(LaunchError, match="not a whole zip"):
        unzip(tmp_path / "b.zip", tmp_path / "out", SAY)


def test_an_unknown_compression_says_what_to_do(tmp_path: Path) -> None:
    data = bytearray(make(tmp_path / "a.zip", {"train/A/1.jpg": b"1" * 50}).read_bytes())
    for signature, method in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        data[data.index(signature) + method] = 97
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(LaunchError, match=r"cannot be unpacked \(.*compression.*--folder"):
        unzip(tmp_path / "a.zip", tmp_path / "out", SAY)
    assert not (tmp_path / "out").exists()
