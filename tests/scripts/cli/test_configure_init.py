"""scripts.cli.configure_init: which files a project gets, and what is refused before anything is written."""

import pytest

from tests.support.person import Kennel


def test_what_the_script_imports_from_beside_it_goes_along(kennel: Kennel) -> None:
    files = {"train.py": "import helper, os\nfrom own.part import x\n", "helper.py": "import deep\n", "deep.py": "import train\n"}
    files |= {"own/__init__.py": "", "own/part.py": "x = 1\n", "own/data.bin": "", "other.py": "", "requirements.txt": ""}
    for place, text in files.items():
        (kennel.folder / place).parent.mkdir(exist_ok=True)
        (kennel.folder / place).write_text(text)
    kennel.run("init", "--from", "train.py", "--to", "project")
    there = sorted(path.relative_to(kennel.folder / "project").as_posix() for path in (kennel.folder / "project").rglob("*.*"))
    code = ["deep.py", "helper.py", "own/__init__.py", "own/part.py", "requirements.txt", "train.py"]
    assert there == [*(f"code/{name}" for name in code), "kennel.toml"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--from", "no.py"), "--from no.py: no such file; give the path of a training script"),
        (("--from", "folder"), "--from folder: is no file; give"),
        (("--from", "run.sh"), "--from run.sh: need a Python script"),
        (("--from", "my train.py"), "--from my train.py: need a Python script, with a name of letters"),
        (("--from", "wrong.py"), "--from wrong.py: line 2: '(' was never closed; mend it, nothing was written"),
        (("--from", "binary.py"), "--from binary.py: line 1: source code string cannot contain null bytes"),
        (("--from", "nested.py"), "--from nested.py: Python cannot read it (MemoryError); nothing was written"),
        (("--from", "latin.py"), "--from latin.py: line 1: (unicode error) 'utf-8' codec can't decode byte 0xe9"),
        (("--from", "good.py", "--to", "there"), "--to there: there/kennel.toml is there already, nothing is overwritten"),
        (("--from", "good.py", "--to", "half"), "--to half: half/code is there already, nothing is overwritten"),
        (("--from", "good.py", "--to", "run.sh"), "--to run.sh: is no folder"),
        (("--from", "good.py"), "good is there already, nothing is overwritten; give a folder, --to NAME"),
    ],
)
def test_what_it_refuses_is_one_line_and_nothing_is_written(kennel: Kennel, words: tuple[str, ...], said: str) -> None:
    files = {"run.sh": "", "my train.py": "", "wrong.py": "a = 1\nx = (", "good.py": "", "there/kennel.toml": ""}
    for name, text in files.items():
        (kennel.folder / name).parent.mkdir(exist_ok=True)
        (kennel.folder / name).write_text(text)
    (kennel.folder / "binary.py").write_bytes(b"\xff\x00")
    (kennel.folder / "latin.py").write_bytes(b"x = '\xe9'")
    (kennel.folder / "nested.py").write_text(f"x = {'-' * 100_000}1")
    for name in ("folder", "half/code", "good"):
        (kennel.folder / name).mkdir(parents=True)
    before = sorted(kennel.folder.rglob("*"))
    status, told = kennel.fail("init", *words)
    assert status == 2 and said in told and told.count("\n") == 1, told
    assert sorted(kennel.folder.rglob("*")) == before
