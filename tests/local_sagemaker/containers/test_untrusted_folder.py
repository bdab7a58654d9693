"""A folder that a container may have filled: nothing leads outside, nothing blocks, and every limit has both sides."""

import os
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from local_sagemaker.containers.untrusted_folder import BLOCK, Entry, Limits, Refused, UntrustedFolder
from tests.support.hostile import exchange, make_socket

SECRET = "of the host"
CALLS_MADE = 500


@pytest.fixture()
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_text(SECRET)
    return folder


@pytest.fixture()
def folder(tmp_path: Path) -> UntrustedFolder:
    made = UntrustedFolder(tmp_path / "top") / "opt/ml"
    made.make()
    return made


CALLS: dict[str, Callable[[UntrustedFolder, str], object]] = {
    "read": lambda folder, name: folder.read(name, 100),
    "reader": lambda folder, name: folder.reader(name).close(),
    "write": lambda folder, name: folder.write(name, "ours"),
    "appender": lambda folder, name: folder.appender(name).close(),
    "set_mode": lambda folder, name: folder.set_mode(name, 0o777),
}
THINGS: dict[str, tuple[str, Callable[[Path, Path], object]]] = {
    "link to a file": ("a symbolic link", lambda path, outside: path.symlink_to(outside / "secret")),
    "link to nothing": ("a symbolic link", lambda path, outside: path.symlink_to(outside / "new")),
    "FIFO": ("a FIFO", lambda path, outside: os.mkfifo(path)),
    "socket": ("a socket", lambda path, outside: make_socket(path)),
    "folder": ("a folder", lambda path, outside: path.mkdir()),
}


@pytest.mark.parametrize("thing", THINGS)
@pytest.mark.parametrize("call", CALLS)
def test_what_is_no_file_is_refused_by_name_at_once(folder: UntrustedFolder, outside: Path, call: str, thing: str) -> None:
    what, make = THINGS[thing]
    make(folder.path / "x", outside)
    began = time.monotonic()
    with pytest.raises(Refused, match=f"^/opt/ml/x is {what} where a regular file is expected"):
        CALLS[call](folder, "x")
    assert time.monotonic() - began < 5
    assert [path.name for path in outside.iterdir()] == ["secret"] and (outside / "secret").read_text() == SECRET


WAYS = {**CALLS}
WAYS |= {
    "create": lambda folder, name: folder.create(name).close(),
    "make": lambda folder, name: folder.make(name),
    "link": lambda folder, name: folder.link(name, Path(__file__)),
    "symlink": lambda folder, name: folder.symlink(name, "x"),
    "delete": lambda folder, name: folder.delete(name),
    "rename": lambda folder, name: folder.rename(name, name + "2"),
    "has": lambda folder, name: folder.has(name),
    "walk": lambda folder, name: list((folder / name.rpartition("/")[0]).walk()),
    "folders": lambda folder, name: (folder / name.rpartition("/")[0]).folders(),
    "make_read_only": lambda folder, name: (folder / name.rpartition("/")[0]).make_read_only(),
}


@pytest.mark.parametrize("call", WAYS)
def test_no_call_goes_through_a_link_on_the_way(folder: UntrustedFolder, outside: Path, call: str) -> None:
    (folder.path / "deep").mkdir()
    (folder.path / "deep" / "door").symlink_to(outside)
    before = outside.stat().st_mode
    with pytest.raises(Refused, match=r"^/opt/ml/deep/door is a symbolic link where a folder is expected"):
        WAYS[call](folder, "deep/door/secret")
    assert [path.name for path in outside.iterdir()] == ["secret"] and (outside / "secret").read_text() == SECRET
    assert outside.stat().st_mode == before


def test_the_top_itself_may_be_no_link(tmp_path: Path, outside: Path) -> None:
    (tmp_path / "top").symlink_to(outside)
    with pytest.raises(Refused, match="top is a symbolic link"):
        UntrustedFolder(tmp_path / "top").read("secret", 10)


@pytest.mark.parametrize("name", ["..", "a/../b", "/abs", "a//b", "./a", "a/", "\0"])
def test_a_name_that_is_no_plain_path_is_an_error_of_ours(folder: UntrustedFolder, name: str) -> None:
    with pytest.raises(ValueError, match="not a plain path"):
        folder.read(name, 1)
    with pytest.raises(ValueError, match="not a plain path"):
        folder / name


def test_reading_writing_and_listing(folder: UntrustedFolder) -> None:
    assert folder.read("a/b", 10) is None and not folder.has("a/b")
    folder.write("a/b", "first")
    folder.write("a/b", b"second")
    assert folder.read("a/b", 3) == b"sec" and folder.read("a/b", 100) == b"second"
    with folder.appender("a/b") as file:
        file.write(b"+")
    with folder.create("a/c") as file, pytest.raises(FileExistsError):
        folder.create("a/c")
    assert folder.read("a/b", 100) == b"second+"
    (folder.path / "link").symlink_to("a")
    assert folder.target("link") == "a" and folder.target("a/b") is None
    assert [(entry.name, stat.S_IFMT(entry.status.st_mode)) for entry in sorted(folder.walk())] == [
        ("a", stat.S_IFDIR),
        ("a/b", stat.S_IFREG),
        ("a/c", stat.S_IFREG),
        ("link", stat.S_IFLNK),
    ]
    assert folder.folders() == ["a"] and list((folder / "absent").walk()) == [] and (folder / "absent").folders() == []
    folder.delete("a/b")
    folder.delete("a/b")
    assert not folder.has("a/b")
    folder.make_read_only()
    assert (folder.path / "a" / "c").stat().st_mode & 0o222 == 0 and (folder.path / "a").stat().st_mode & 0o222 == 0


def fill(folder: UntrustedFolder) -> None:
    """Three entries, two folders deep, two blocks on the disk and 9 of holes."""
    folder.make("a/b")
    with (folder.path / "a" / "b" / "sparse").open("wb") as file:
        file.truncate(9 * BLOCK)


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        (Limits(entries=3), ""),
        (Limits(entries=2), "^/opt/ml holds more than 2 files and folders"),
        (Limits(depth=2), ""),
        (Limits(depth=1), "^/opt/ml/a/b lies deeper than 1 folders below /opt/ml"),
        (Limits(hole_bytes=9 * BLOCK), ""),
        (Limits(hole_bytes=9 * BLOCK - 1), "^/opt/ml/a/b/sparse is 4,608 bytes, of which 0 are on the disk"),
    ],
)
def test_each_limit_of_a_tree_has_two_sides(folder: UntrustedFolder, limits: Limits, sentence: str) -> None:
    fill(folder)
    if not sentence:
        assert len(list(folder.walk(limits))) == 3
    else:
        with pytest.raises(Refused, match=sentence):
            list(folder.walk(limits))


def test_the_limit_of_bytes_on_the_disk_counts_all_files_together(folder: UntrustedFolder) -> None:
    for name in ("one", "two"):
        folder.write(name, b"x" * 100_000)
    there = sum(path.stat().st_blocks for path in folder.path.iterdir()) * BLOCK
    assert len(list(folder.walk(Limits(disk_bytes=there)))) == 2
    with pytest.raises(Refused, match=r"are on the disk: the limits are"):
        list(folder.walk(Limits(disk_bytes=there - 1)))


def test_a_file_that_has_grown_since_it_was_listed_is_judged_when_it_is_opened(folder: UntrustedFolder) -> None:
    fill(folder)
    folder.reader("a/b/sparse", Limits(hole_bytes=9 * BLOCK)).close()
    with pytest.raises(Refused, match="/opt/ml/a/b/sparse is 4,608 bytes"):
        folder.reader("a/b/sparse", Limits(hole_bytes=9 * BLOCK - 1))


def test_a_path_is_shown_harmlessly_and_from_its_end(folder: UntrustedFolder) -> None:
    assert folder.shown("a\x1b[31m\n\udcff") == "/opt/ml/a\\x1b[31m\\n\\udcff"
    assert len(folder.shown("x" * 192)) == 200 and folder.shown("x" * 192).startswith("/opt")
    assert folder.shown("x" * 193).startswith("...") and folder.shown("x" * 193).endswith("x" * 193)


@pytest.mark.parametrize("call", ["read", "write", "appender", "create", "walk", "make", "delete"])
def test_a_folder_that_is_swapped_for_a_link_again_and_again_leads_nowhere(
    folder: UntrustedFolder, outside: Path, call: str
) -> None:
    """Between the look and the use, too: half of the time `door` is a folder, half of the time a link to the host's."""
    (folder.path / "real").mkdir()
    (folder.path / "real" / "secret").write_text("of the job")
    (folder.path / "link").symlink_to(outside)
    (folder.path / "real").rename(folder.path / "door")
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            exchange(folder.path / "door", folder.path / "link")

    swapping = threading.Thread(target=swap)
    swapping.start()
    seen = {"refused": 0, "done": 0}
    try:
        for number in range(CALLS_MADE):
            name = f"door/secret{number}" if call in ("create", "make") else "door/secret"
            try:
                if call == "read":
                    assert folder.read(name, 100) in (b"of the job", None)
                elif call == "walk":
                    assert all(entry.status.st_size != len(SECRET) for entry in [*_files(folder), *_files(folder / "door")])
                else:
                    WAYS[call](folder, name)
                seen["done"] += 1
            except (Refused, FileNotFoundError):
                seen["refused"] += 1
    finally:
        stop.set()
        swapping.join()
    print(call, seen)
    assert seen["done"] and seen["refused"]
    assert [path.name for path in outside.iterdir()] == ["secret"] and (outside / "secret").read_text() == SECRET


def _files(folder: UntrustedFolder) -> list[Entry]:
    return [entry for entry in folder.walk() if stat.S_ISREG(entry.status.st_mode)]
