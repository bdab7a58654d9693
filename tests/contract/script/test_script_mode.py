"""Which names are entry points, and that the toolkit's names are still those."""

from pathlib import Path

import pytest
from sagemaker_training import params

from contract.script.script_mode import PACKAGES, PROGRAM, SUBMIT_DIRECTORY, is_entry_point


@pytest.mark.parametrize("name", ["train.py", "src/train.py", "a+b-c_d.sh", ".hidden.py", "a/b+c.py", "1.py"])
def test_a_file_inside_the_folder_is_one(name: str) -> None:
    assert is_entry_point(name)


@pytest.mark.parametrize(
    "name", ["", "/train.py", "../train.py", "a/../b.py", "-m", "a b.py", "a//b.py", "a/+b.py", "train.py\n", "ü.py", "a/"]
)
def test_anything_else_is_none(name: str) -> None:
    assert not is_entry_point(name)


def test_the_toolkit_has_the_same_names() -> None:
    assert (PROGRAM, SUBMIT_DIRECTORY) == (params.USER_PROGRAM_PARAM, params.SUBMIT_DIR_PARAM)


def test_our_packages_are_those_that_lie_here() -> None:
    root = Path(__file__).parents[3]
    assert {*PACKAGES, "tests"} == {path.parent.name for path in root.glob("*/__init__.py")}
