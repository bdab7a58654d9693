"""A person's inference code put into a model: what is in the archive afterwards, and what is refused before anything is sent."""

import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from contract import archive
from scripts.errors import LaunchError
from scripts.files import model_code


@pytest.fixture()
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    (folder / "lib").mkdir(parents=True)
    (folder / "inference.py").write_text("def model_fn(folder):\n    return folder\n")
    (folder / "lib" / "helper.py").write_text("A = 1\n")
    return folder


def packed(folder: Path, **files: str) -> Path:
    """A model.tar.gz with these files."""
    for name, text in files.items():
        path = folder / "plain" / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    archive.pack(folder / "plain", folder / "model.tar.gz")
    return folder / "model.tar.gz"


def names(path: Path) -> list[str]:
    with tarfile.open(path) as tar:
        return sorted(tar.getnames())


def test_the_code_takes_the_place_of_any_that_was_there(tmp_path: Path, code: Path) -> None:
    model = packed(tmp_path, weights="w", code__old="x", code__inference="y")
    for out in ("one", "two"):
        model_code.repack(model, model_code.read(code), tmp_path / out / "model.tar.gz")
    assert names(tmp_path / "one" / "model.tar.gz") == ["code/inference.py", "code/lib/helper.py", "weights"]
    same = [(tmp_path / out / "model.tar.gz").read_bytes() for out in ("one", "two")]
    assert same[0] == same[1] and [path.name for path in (tmp_path / "one").iterdir()] == ["model.tar.gz"]


def test_a_file_alone_is_the_script_and_every_byte_counts(tmp_path: Path, code: Path) -> None:
    (tmp_path / "mine.py").write_text("def model_fn(folder):\n    return 1\n")
    alone = model_code.read(tmp_path / "mine.py")
    assert list(alone.files) == ["inference.py"] and not alone.packages
    before = model_code.read(code)
    assert before.digest == model_code.read(code).digest
    (code / "requirements.txt").write_text("")
    after = model_code.read(code)
    assert after.packages and after.digest != before.digest
    (code / "requirements.txt").rename(code / "requirements.text")
    assert model_code.read(code).digest not in (before.digest, after.digest)


def grow(code: Path, more: int) -> None:
    """Makes the code as large as the limit, and so many bytes larger."""
    size = sum(path.stat().st_size for path in code.rglob("*.py"))
    with (code / "big").open("wb") as file:
        file.truncate(model_code.LARGEST - size + more)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda code: (code / "inference.py").unlink(), "has no inference.py"),
        (lambda code: (code / "inference.py").write_text("def x(:"), "inference.py:1: invalid syntax"),
        (lambda code: (code / "link").symlink_to("/etc/passwd"), "link is a link"),
        (shutil.rmtree, "no such file or folder"),
        (lambda code: grow(code, 1), "at most 67,108,864 of code"),
    ],
)
def test_what_is_no_code_is_told(code: Path, change: Callable[[Path], object], words: str) -> None:
    change(code)
    with pytest.raises(LaunchError, match=words):
        model_code.read(code)


def test_a_folder_of_just_the_limit_is_taken(code: Path) -> None:
    grow(code, 0)
    assert len(model_code.read(code).files) == 3


def test_a_model_that_is_none_is_told(tmp_path: Path, code: Path) -> None:
    (tmp_path / "model.tar.gz").write_text("no archive")
    with pytest.raises(LaunchError, match=r"not a whole tar.gz .*give a model.tar.gz"):
        model_code.repack(tmp_path / "model.tar.gz", model_code.read(code), tmp_path / "out" / "model.tar.gz")
    assert not list((tmp_path / "out").iterdir())
