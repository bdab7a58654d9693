"""The listing of the channels: classes by name, hostile entries marked, nothing opened."""

import os
from pathlib import Path

import pytest

from tests.support.train_jobs import draw
from train.data.pictures import collect
from train.errors import DataError


def channels(base: Path, *names: str) -> dict[str, Path]:
    return {name: base / name for name in names}


def test_classes_are_the_sorted_folders_of_train_and_others_may_lack_some(tmp_path: Path) -> None:
    draw(tmp_path, "train", 2, ("010.b", "2.a", "Z"))
    draw(tmp_path, "validation", 1, ("Z",))
    found = collect(channels(tmp_path, "train", "validation"))
    assert found.classes == ("010.b", "2.a", "Z")
    assert [picture.name for picture in found.pictures][-1] == "validation/Z/000.png"
    assert found.pictures[-1].label == 2
    assert found.indices("train", without=[0]) == [1, 2, 3, 4, 5]


def test_a_class_that_train_lacks_is_refused(tmp_path: Path) -> None:
    draw(tmp_path, "train", 1)
    draw(tmp_path, "test", 1, ("a", "stranger"))
    with pytest.raises(DataError, match=r"channel test: 1 class folder\(s\) that channel train lacks: stranger"):
        collect(channels(tmp_path, "train", "test"))


@pytest.mark.parametrize("classes", [(), ("only",)])
def test_fewer_than_two_classes_are_refused(tmp_path: Path, classes: tuple[str, ...]) -> None:
    (tmp_path / "train").mkdir()
    draw(tmp_path, "train", 1, classes)
    with pytest.raises(DataError, match="two or more classes"):
        collect(channels(tmp_path, "train"))


def test_files_that_are_no_pictures_are_ignored_and_odd_ones_marked(tmp_path: Path) -> None:
    draw(tmp_path, "train", 1)
    folder = tmp_path / "train" / "a"
    for name in (".DS_Store", "notes.txt", "._000.png", "labels.csv"):
        (folder / name).write_text("x")
    (folder / "deep").mkdir()
    (folder / "deep" / "UPPER.JPG").write_text("x")
    (folder / "old.gif").write_text("x")
    (folder / "secret.jpg").symlink_to("/etc/passwd")
    (folder / "broken.jpg").symlink_to("nowhere")
    (folder / "inside.png").symlink_to("000.png")
    (folder / "etc").symlink_to("/etc")
    os.mkfifo(folder / "pipe.png")
    found = {picture.name.removeprefix("train/a/"): picture.problem for picture in collect(channels(tmp_path, "train")).pictures}
    assert {name for name in found if "/" not in name} == {
        *("000.png", "old.gif", "secret.jpg", "broken.jpg", "inside.png", "etc", "pipe.png")
    }
    assert "deep/UPPER.JPG" in found
    assert "outside the folder" in found["secret.jpg"] and "outside the folder" in found["etc"]
    assert "outside the folder" in found["broken.jpg"]
    assert "not a regular file" in found["pipe.png"]
    assert "is a .gif file, which is not opened" in found["old.gif"]
    assert not found["inside.png"] and not found["000.png"]


def test_a_channel_may_itself_be_a_link(tmp_path: Path) -> None:
    draw(tmp_path / "real", "train", 1)
    (tmp_path / "train").symlink_to(tmp_path / "real" / "train")
    assert not any(picture.problem for picture in collect(channels(tmp_path, "train")).pictures)
