"""The folder that serve-local serves: what is copied into it at first and at each change, and what is refused by name."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from contract import archive
from scripts.errors import BrokenScript, LaunchError
from scripts.files.model_folder import ModelFolder


@pytest.fixture()
def model(tmp_path: Path) -> Path:
    for name in ("model/word", "model/deep/weights", "model/code/inference.py", "own/inference.py", "own/helper.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    return tmp_path / "model"


def made(folder: ModelFolder) -> dict[str, str]:
    """What lies in it after an update."""
    folder.update()
    there = sorted(path for path in folder.folder.rglob("*") if path.is_file())
    return {path.relative_to(folder.folder).as_posix(): path.read_text() for path in there}


@pytest.mark.parametrize("packed", [False, True])
def test_a_persons_code_takes_the_place_of_the_models(model: Path, tmp_path: Path, packed: bool) -> None:
    if packed:
        archive.pack(model, tmp_path / "model.tar.gz")
    folder = ModelFolder(tmp_path / "made", tmp_path / "model.tar.gz" if packed else model, tmp_path / "own")
    for _ in range(2):
        assert list(made(folder)) == ["code/helper.py", "code/inference.py", "deep/weights", "word"]
    (tmp_path / "own" / "helper.py").unlink()
    assert list(made(folder)) == ["code/inference.py", "deep/weights", "word"]


def test_only_what_has_changed_is_copied_again(model: Path, tmp_path: Path) -> None:
    folder = ModelFolder(tmp_path / "made", model)
    made(folder)
    before = (folder.folder / "word").stat().st_ctime_ns, (folder.folder / "deep" / "weights").stat().st_ctime_ns
    seen = folder.stamp()
    (model / "code" / "inference.py").write_text("x = 2\n")
    shutil.rmtree(model / "deep")
    (model / "deep").write_text("a file now")
    assert folder.stamp() != seen
    assert made(folder) == {"code/inference.py": "x = 2\n", "deep": "a file now", "word": "x = 1\n"}
    assert (folder.folder / "word").stat().st_ctime_ns == before[0]


def test_what_editors_write_beside_a_file_is_no_change(model: Path, tmp_path: Path) -> None:
    folder = ModelFolder(tmp_path / "made", model, tmp_path / "own")
    seen = folder.stamp()
    for name in (".inference.py.swp", "inference.py~", "#inference.py#", "4913", ".git/index", "__pycache__/inference.pyc"):
        (tmp_path / "own" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "own" / name).touch()
    (tmp_path / "own" / ".#inference.py").symlink_to("me@machine.1:2")
    assert folder.stamp() == seen
    assert "code/inference.py" in made(folder), "nor is the lock of an editor refused"
    (tmp_path / "own" / "new").write_text("x = 3\n")
    os.replace(tmp_path / "own" / "new", tmp_path / "own" / "inference.py")
    assert folder.stamp() != seen and made(folder)["code/inference.py"] == "x = 3\n"


def test_links_to_files_are_followed(model: Path, tmp_path: Path) -> None:
    (tmp_path / "blob").write_text("from elsewhere")
    (model / "word").unlink()
    (model / "word").symlink_to(tmp_path / "blob")
    folder = ModelFolder(tmp_path / "made", model)
    assert made(folder)["word"] == "from elsewhere" and not (folder.folder / "word").is_symlink()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda model: (model / "self").symlink_to("."), r"model/self: is a link to a folder; put the folder itself there"),
        (lambda model: (model / "no").symlink_to("nowhere"), r"model/no: is a link to nothing; put the file itself there"),
        (lambda model: (model / "loop").symlink_to("loop"), r"model/loop: cannot be read: Too many levels of symbolic links"),
        (lambda model: os.mkfifo(model / "pipe"), r"model/pipe: is neither a file nor a folder; take it away"),
        (shutil.rmtree, r"model: no such file or folder$"),
    ],
)
def test_what_no_model_has_is_refused_by_name(model: Path, tmp_path: Path, change: Callable[[Path], object], told: str) -> None:
    folder = ModelFolder(tmp_path / "made", model)
    folder.update()
    change(model)
    with pytest.raises(LaunchError, match=told) as raised:
        folder.update()
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 300


def test_after_a_failure_all_of_it_is_made_again(model: Path, tmp_path: Path) -> None:
    archive.pack(model, tmp_path / "model.tar.gz")
    folder = ModelFolder(tmp_path / "made", tmp_path / "model.tar.gz")
    whole = made(folder)
    content = (tmp_path / "model.tar.gz").read_bytes()
    for half, told in ((content[:20], "not a whole tar.gz"), (None, "no such file or folder")):
        (tmp_path / "model.tar.gz").write_bytes(half) if half else (tmp_path / "model.tar.gz").unlink()
        with pytest.raises(LaunchError, match=told):
            folder.update()
    (tmp_path / "model.tar.gz").write_bytes(content)
    assert made(folder) == whole


def test_a_script_by_another_name_and_one_that_cannot_be_compiled(model: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    (own / "inference.py").rename(own / "ask.py")
    with pytest.raises(LaunchError, match=r"has no inference\.py, .* but ask\.py, helper\.py; give the script that name"):
        ModelFolder(tmp_path / "made", model, own).update()
    assert "code/ask.py" in made(ModelFolder(tmp_path / "made", model, own, "ask.py"))
    assert "code/ask.py" in made(ModelFolder(tmp_path / "made", model, own / "ask.py", "ask.py"))
    (own / "ask.py").write_text("def x(:")
    with pytest.raises(BrokenScript, match=r"ask\.py:1: invalid syntax"):
        ModelFolder(tmp_path / "made", model, own, "ask.py").update()
    assert "code/ask.py" in made(ModelFolder(tmp_path / "made", model, own, None)), "a handler is not looked into"
