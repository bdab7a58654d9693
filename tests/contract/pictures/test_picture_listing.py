"""The one listing of pictures: what is taken, what cannot be used, and what is left out by which reason."""

from pathlib import Path

from contract.pictures.picture_listing import CONTENT_TYPES, class_folders, is_hidden, listing


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def test_every_file_is_taken_or_named_with_its_reason(tmp_path: Path) -> None:
    put(tmp_path, "a/1.jpg", "a/deep/2.JFIF", "b/1.webp", "b/old.gif", "b/notes.txt", "loose.png", "labels.csv", ".DS_Store")
    put(
        tmp_path, "a/.ipynb_checkpoints/1.jpg", "b/.Trash-0/files/gone.jpg", ".hidden/1.jpg", "b/@eaDir/1.jpg", "__MACOSX/a/1.jpg"
    )
    found = listing(tmp_path)
    assert found.classes == ("a", "b")
    assert [picture.name for picture in found.usable] == ["a/1.jpg", "a/deep/2.JFIF", "b/1.webp"]
    assert found.left_out == {
        "hidden": (".DS_Store", ".hidden", "__MACOSX", "a/.ipynb_checkpoints", "b/.Trash-0", "b/@eaDir"),
        "in no class folder": ("loose.png",),
        "no pictures by their names": ("labels.csv", "b/notes.txt"),
    }
    assert found.left_out_words().startswith("6 hidden (.DS_Store, .hidden, __MACOSX, ...); ")
    assert (
        "1 of which each is a .gif file, which is not opened" in found.problem_words() and "(b/old.gif)" in found.problem_words()
    )
    assert found.empty() == {}


def test_a_link_within_the_folder_is_followed_and_one_that_leaves_it_is_not(tmp_path: Path) -> None:
    put(tmp_path, "set/a/1.jpg", "elsewhere/2.jpg")
    (tmp_path / "set" / "b").symlink_to("a")
    (tmp_path / "set" / "c").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "set" / "a" / "out.jpg").symlink_to(tmp_path / "elsewhere" / "2.jpg")
    found = listing(tmp_path / "set")
    assert [picture.name for picture in found.usable] == ["a/1.jpg", "b/1.jpg"]
    assert found.empty() == {"c": "c is a link to a place outside the folder"}
    assert "a/out.jpg" in found.problem_words() and class_folders(tmp_path / "set") == ["a", "b", "c"]


def test_a_class_without_pictures_is_told_with_what_is_in_it(tmp_path: Path) -> None:
    put(tmp_path, "a/1.jpg", "b/1.bmp", "c/readme.txt")
    found = listing(tmp_path)
    assert set(found.empty()) == {"b", "c"} and found.empty()["c"] == ""
    assert found.empty()["b"] == "b/1.bmp is a .bmp file, which is not opened; convert it to JPEG, PNG or WebP"


def test_names_that_people_do_not_see() -> None:
    assert is_hidden(".x") and is_hidden("__MACOSX") and not is_hidden("__init__") and not is_hidden("001.Affenpinscher")
    assert CONTENT_TYPES[".jfif"] == CONTENT_TYPES[".jpe"] == "image/jpeg"
