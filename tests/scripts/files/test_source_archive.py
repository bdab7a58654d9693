"""scripts.files.source_archive: equal files give equal bytes, which our own reader takes; what would fail later is told now."""

import os
from pathlib import Path

import pytest

from contract.archive import unpack
from scripts.errors import LaunchError
from scripts.files.source_archive import LARGEST, pack


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_py", ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_a_script_alone_is_sent_alone(tmp_path: Path) -> None:
    write(tmp_path, train_py="x = 1\n", secret="do not send")
    found = pack(tmp_path / "train.py", None)
    assert (found.program, found.files, found.size, found.left_out) == ("train.py", ("train.py",), 6, "")


def test_equal_folders_give_equal_bytes_that_unpack_to_the_same(tmp_path: Path) -> None:
    one, other = (write(tmp_path / name, train_py="import lib.net\n", lib__net_py="y = 2\n") for name in ("one", "other"))
    os.utime(other / "train.py", (1, 1))
    first, second = pack(Path("train.py"), one), pack(other / "train.py", other)
    assert first.content == second.content and first.digest == second.digest
    (tmp_path / "a.tar.gz").write_bytes(first.content)
    unpack(tmp_path / "a.tar.gz", tmp_path / "out")
    assert (tmp_path / "out" / "lib" / "net.py").read_text() == "y = 2\n" and first.files == ("lib/net.py", "train.py")
    (other / "train.py").write_text("import lib\n")
    assert pack(other / "train.py", other).digest != first.digest


def test_the_entry_point_may_lie_deeper_and_caches_stay_here(tmp_path: Path) -> None:
    write(tmp_path, src__main_py="", __pycache____x="")
    (tmp_path / "__pycache__").mkdir()
    found = pack(Path("src/main.py"), tmp_path)
    assert found.program == "src/main.py" and found.left_out == "__pycache__"


def test_a_shell_script_keeps_its_rights(tmp_path: Path) -> None:
    (tmp_path / "run.sh").write_text("this is ( no python\n")
    before = pack(tmp_path / "run.sh", None).digest
    (tmp_path / "run.sh").chmod(0o755)
    assert pack(tmp_path / "run.sh", None).digest != before


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x = 1\ndef f(:\n", r"train.py:2: invalid syntax; mend it, nothing was sent"),
        ("  x = 1\n", r"train.py:1: unexpected indent"),
        ("a\0b", r"null bytes"),
        ("(" * 5000, r"nothing was sent"),
        (f"x = {'-' * 100_000}1", r"Python cannot compile it \(MemoryError\); nothing was sent"),
    ],
)
def test_what_python_cannot_compile_is_told_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "train.py").write_text(text)
    with pytest.raises(LaunchError, match=told) as raised:
        pack(tmp_path / "train.py", None)
    assert "\n" not in str(raised.value)


def test_what_is_no_script_is_told(tmp_path: Path) -> None:
    write(tmp_path, train_py="", notes="", a__train_py="")
    (tmp_path / "bad name.py").write_text("")
    (tmp_path / "link.py").symlink_to("train.py")
    (tmp_path / "a" / "__pycache__").mkdir()
    (tmp_path / "a" / "__pycache__" / "x.py").write_text("")
    for script, source, told in (
        ("none.py", None, "no such file"),
        ("link.py", None, "no regular file"),
        ("notes", None, "need a .py or .sh file"),
        ("bad name.py", None, "letters that SageMaker's toolkit runs no file by"),
        ("train.py", "none", "--source .*none: no such folder"),
        ("notes.py", "a", "no such file in --source"),
        ("../train.py", "a", "no such file in --source"),
        ("__pycache__/x.py", "a", "left out"),
    ):
        with pytest.raises(LaunchError, match=told):
            pack(Path(script) if source else tmp_path / script, tmp_path / source if source else None)


def test_a_folder_of_the_largest_size_is_packed_and_one_byte_more_is_not(tmp_path: Path) -> None:
    write(tmp_path, train_py="#", data="x" * 99)
    assert pack(Path("train.py"), tmp_path, largest=100).size == 100
    with pytest.raises(LaunchError, match=r"100 bytes, of which data has 99; at most 99 of code; data goes in a channel"):
        pack(Path("train.py"), tmp_path, largest=99)
    assert pack(Path("train.py"), tmp_path, most=2).files == ("data", "train.py")
    with pytest.raises(LaunchError, match="more than 1 files"):
        pack(Path("train.py"), tmp_path, most=1)
    with (tmp_path / "data").open("wb") as file:
        file.truncate(LARGEST)
    with pytest.raises(LaunchError, match="at most 67,108,864 of code"):
        pack(Path("train.py"), tmp_path)


def test_a_name_that_our_reader_refuses_is_told_here(tmp_path: Path) -> None:
    write(tmp_path, train_py="")
    (tmp_path / "a\\b").write_text("")
    with pytest.raises(LaunchError, match="not a plain relative name; rename it"):
        pack(Path("train.py"), tmp_path)
