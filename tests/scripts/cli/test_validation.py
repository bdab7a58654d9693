"""scripts.cli.validation: what is wrong with a name, a pair or a folder is one line with its value."""

from pathlib import Path

import pytest
from hypothesis import given, strategies

from scripts.cli.validation import check_splits, check_weights, checked_name, pairs, set_name
from scripts.errors import LaunchError


@pytest.mark.parametrize("name", ["", "-a", "a-", "a_b", "../x", "a" * 64, "ä"])
def test_a_name_that_sagemaker_refuses_is_refused_here(name: str) -> None:
    with pytest.raises(LaunchError, match="need letters, digits and single dashes, at most 63"):
        checked_name("--name", name, 63)


def test_pairs_keep_what_follows_the_first_equals_sign_and_the_last_of_a_name() -> None:
    assert pairs(["a=1", "b=c=d", "a=2"]) == {"a": "2", "b": "c=d"}
    for wrong in ("epochs", "=3"):
        with pytest.raises(LaunchError, match="need NAME=VALUE"):
            pairs([wrong])


@given(strategies.text(strategies.characters(exclude_characters="/\0", exclude_categories=("Cs",)), min_size=1, max_size=80))
def test_any_folder_has_a_name_for_s3(name: str) -> None:
    found = set_name(Path("/data") / name)
    assert 0 < len(found) <= 63 and found.replace("-", "").isascii() and found.replace("-", "").isalnum()


def test_folders_and_files_that_are_not_there_are_named(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    with pytest.raises(LaunchError, match=r"no folder 'valid'"):
        check_splits("--folder", tmp_path)
    with pytest.raises(LaunchError, match="no such file; give a torchvision state dict"):
        check_weights("weights", tmp_path / "none.pth")
