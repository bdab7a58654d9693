"""Row 76. Hidden folders, links, odd formats, loose and nested pictures: launcher, training and salvage agree on every file."""

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.support.person import AWS, Kennel
from tests.support.train_jobs import Container, nursery
from train.data.pictures import collect
from train.salvage.__main__ import _folders

SPLITS = {"train": "train", "validation": "valid", "test": "test"}


def spoil(folder: Path) -> None:
    """A split's folder with classes a and b gets what is found in people's folders."""
    picture = Image.new("RGB", (40, 40), "teal")
    (folder / "a" / ".ipynb_checkpoints").mkdir(parents=True)
    (folder / "a" / ".Trash-0" / "files").mkdir(parents=True)
    (folder / "a" / "more").mkdir()
    (folder / ".git").mkdir()
    for name in ("a/.ipynb_checkpoints/x.jpg", "a/.Trash-0/files/x.jpg", ".git/x.jpg", "a/more/x.jpg", "b/x.jpg", "loose.jpg"):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        picture.save(path)
    picture.save(folder / "a" / "x.jfif", "JPEG")
    for kind in ("bmp", "gif", "tif"):
        picture.save(folder / "b" / f"x.{kind}")
    (folder / "linked").symlink_to("b")


def test_launcher_and_training_take_the_same_files_and_name_the_rest(tmp_path: Path) -> None:
    for name in SPLITS.values():
        spoil(tmp_path / "set" / name)
    kennel = Kennel(tmp_path / "person")
    kennel.settings(AWS)
    sent = [call["request"]["Key"] for call in kennel.plan("data", "--folder", str(tmp_path / "set"), "--target", "aws")[1:]]
    launched = {key.split("/set/", 1)[1] for key in sent}
    collection = collect({split: tmp_path / "set" / name for split, name in SPLITS.items()})
    trained = {f"{SPLITS[one.split]}/{one.name.partition('/')[2]}" for one in collection.pictures if not one.problem}
    print(f"{len(launched)} pictures are sent, {len(trained)} are trained on; remarks: {collection.remarks[0]}")
    assert launched == trained
    assert {name for name in trained if name.startswith("train/")} == {
        *("train/a/more/x.jpg", "train/a/x.jfif", "train/b/x.jpg", "train/linked/x.jpg")
    }
    assert collection.classes == ("a", "b", "linked") == tuple(_folders(tmp_path / "set"))
    assert "3 hidden (" in collection.remarks[0] and "1 in no class folder (loose.jpg)" in collection.remarks[0]
    assert sum("which is not opened" in one.problem for one in collection.pictures) == 18, "of b and of the link to it"


def test_a_class_without_pictures_is_refused_by_the_launcher_with_what_is_in_it(tmp_path: Path) -> None:
    for name in SPLITS.values():
        spoil(tmp_path / "set" / name)
    only = tmp_path / "set" / "valid" / "linked"
    only.unlink()
    only.mkdir()
    Image.new("RGB", (8, 8)).save(only / "only.bmp")
    kennel = Kennel(tmp_path / "person")
    kennel.settings(AWS)
    error = kennel.run("data", "--folder", str(tmp_path / "set"), "--target", "aws", status=2).stderr
    print(error.strip())
    assert "class 'linked' has no pictures that can be used" in error and "only.bmp is a .bmp file" in error


@pytest.mark.parametrize("odd", [True, False])
def test_a_job_says_what_it_leaves_out_and_trains_on_the_rest(odd: bool, tmp_path: Path) -> None:
    container = Container(tmp_path / "ml", train=4, validation=2, epochs="1")
    folder = container.base / "input" / "data" / "train"
    if odd:
        (folder / "a" / ".ipynb_checkpoints").mkdir()
        (folder / "a" / "000.png").rename(folder / "a" / ".ipynb_checkpoints" / "000.png")
        (folder / "loose.png").write_bytes((folder / "a" / "001.png").read_bytes())
    attempt = nursery().start(container, tmp_path / "attempt")
    assert attempt.wait() == 0, attempt.log
    told = "channel train: left out 1 in no class folder (loose.png); 1 hidden (a/.ipynb_checkpoints)"
    assert (told in attempt.log) == odd
    made = json.loads((container.layout.model / "model.json").read_text())
    assert made["provenance"]["pictures"]["train"] == (11 if odd else 12)
