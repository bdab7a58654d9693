"""An environment of packages on top of this program's: made once for each content of a requirements.txt, and by one process."""

import fcntl
import subprocess
from pathlib import Path

import pytest

from contract.script import package_layer


class Stopped(Exception):
    pass


def test_a_new_environment_has_its_own_packages_and_this_programs(tmp_path: Path) -> None:
    python = package_layer.create(tmp_path / "layer")
    (Path(package_layer.site(tmp_path / "layer")) / "own_word.py").write_text("WORD = 'own'\n")
    program = "import own_word, numpy, sys; print(own_word.WORD, sys.prefix)"
    done = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["own", str(tmp_path / "layer")]


def test_equal_requirements_are_installed_once(tmp_path: Path) -> None:
    installed: list[Path] = []
    made = [package_layer.cached(tmp_path, text, installed.append, lambda: None) for text in (b"a", b"a", b"b")]
    assert [there for _, there in made] == [False, True, False]
    assert made[0][0] == made[1][0] != made[2][0] and len(installed) == 2


def test_what_could_not_be_installed_is_not_kept(tmp_path: Path) -> None:
    def fail(python: Path) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        package_layer.cached(tmp_path, b"a", fail, lambda: None)
    assert not [path for path in (tmp_path / "packages").iterdir() if path.is_dir()]
    assert package_layer.cached(tmp_path, b"a", lambda python: None, lambda: None)[1] is False


def test_who_waits_for_another_may_give_up(tmp_path: Path) -> None:
    package_layer.cached(tmp_path, b"a", lambda python: None, lambda: None)
    (lock,) = (tmp_path / "packages").glob("*.lock")
    looks = []

    def waiting() -> None:
        looks.append(1)
        if len(looks) == 2:
            raise Stopped

    with lock.open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(Stopped):
            package_layer.cached(tmp_path, b"a", lambda python: None, waiting)
    assert len(looks) == 2


@pytest.mark.parametrize(
    "line", ["-r other.txt", "-e .", "./a", "/a", "a @ file:///a", "wheels/a-1-py3-none-any.whl", "\ufeff-r other.txt"]
)
def test_requirements_that_name_files_are_not_shared(line: str) -> None:
    assert not package_layer.self_contained(f"numpy\r\n{line}  # why\r\n".encode() if line[0] != "\ufeff" else line.encode())
    assert not package_layer.self_contained("numpy\n".encode("utf-16")), "as PowerShell writes them"
    assert package_layer.self_contained("\ufeff# -r other.txt\r\n\r\nnumpy>=1 # ./a\r\n".encode())
