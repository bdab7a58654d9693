"""scripts.files.plain_files: every regular file once, by its name; what is left out is counted, anything else refused by name."""

import os
from pathlib import Path

import pytest

from scripts.errors import LaunchError
from scripts.files.plain_files import LEFT_OUT, plain_files


def test_files_are_named_by_their_place_and_folders_of_a_checkout_are_left_out(tmp_path: Path) -> None:
    for name in ("b.py", "a/c.txt", "a/deep/d.txt", *(f"{folder}/x" for folder in LEFT_OUT), "a/__pycache__/y"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "empty").mkdir()
    found = plain_files("--source", tmp_path)
    assert list(found.files) == ["a/c.txt", "a/deep/d.txt", "b.py"]
    assert {path.read_text() for path in found.files.values()} == set(found.files)
    assert found.left_out == dict.fromkeys(sorted(LEFT_OUT), 1) | {"__pycache__": 2}
    assert "__pycache__ (2)" in found.left_out_words() and ".git" in found.left_out_words()


def test_a_file_that_is_called_like_such_a_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: elsewhere")
    assert list(plain_files("--source", tmp_path).files) == [".git"]


@pytest.mark.parametrize("kind", ["link", "folder link", "dangling link", "fifo"])
def test_what_is_no_plain_file_is_refused_by_name(tmp_path: Path, kind: str) -> None:
    (tmp_path / "in").mkdir()
    place = tmp_path / "in" / "odd"
    if kind == "fifo":
        os.mkfifo(place)
    else:
        place.symlink_to({"link": __file__, "folder link": "/etc", "dangling link": "nowhere"}[kind])
    with pytest.raises(LaunchError, match=rf"--source {tmp_path}: in/odd is (a link|neither a file nor a folder)"):
        plain_files("--source", tmp_path)


def test_a_name_that_is_no_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.py")).write_text("")
    with pytest.raises(LaunchError, match=r"caf.*\.py has a name that is not UTF-8; rename it"):
        plain_files("--source", tmp_path)


def test_as_many_files_as_the_limit_says_and_no_more(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / str(number)).write_text("")
    assert len(plain_files("--source", tmp_path, 5).files) == 5
    with pytest.raises(LaunchError, match="more than 4 files"):
        plain_files("--source", tmp_path, 4)
