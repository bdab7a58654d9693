"""Removing what a job left: any depth, any mode, links and odd things; and what cannot be removed is named and left."""

import contextlib
import logging
import os
import threading
from pathlib import Path

import pytest

from local_sagemaker.containers.folder_removal import NAMED, remove_tree
from local_sagemaker.containers.untrusted_folder import UntrustedFolder
from tests.support.hostile import deep_tree, unremovable

DEPTH = 3000


def test_a_tree_of_3000_folders_goes(tmp_path: Path) -> None:
    (tmp_path / "job").mkdir()
    deep_tree(tmp_path / "job", DEPTH)
    assert remove_tree(tmp_path / "job") == []
    assert list(tmp_path.iterdir()) == []


def test_what_is_absent_is_removed(tmp_path: Path) -> None:
    assert remove_tree(tmp_path / "nobody" / "here") == []
    assert remove_tree(tmp_path / "here") == []


def test_links_go_and_what_they_lead_to_stays(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o755)
    (outside / "kept").write_text("kept")
    job = tmp_path / "job"
    (job / "a").mkdir(parents=True)
    (job / "a" / "file").symlink_to(outside / "kept")
    (job / "folder").symlink_to(outside)
    os.mkfifo(job / "pipe")
    (job / "\udcff\n").write_text("")
    assert remove_tree(job) == []
    assert [path.name for path in tmp_path.iterdir()] == ["outside"]
    assert (outside / "kept").read_text() == "kept" and outside.stat().st_mode & 0o777 == 0o755
    (tmp_path / "job").symlink_to(outside)  # and where the folder itself is one
    assert remove_tree(job) == [] and (outside / "kept").exists() and not job.is_symlink()


@pytest.mark.parametrize("mode", [0o000, 0o100, 0o400, 0o555])
def test_folders_that_forbid_it_are_opened(tmp_path: Path, mode: int) -> None:
    inner = tmp_path / "job" / "a" / "b"
    inner.mkdir(parents=True)
    (inner / "file").write_text("")
    for folder in (inner, inner.parent):
        folder.chmod(mode)
    assert remove_tree(tmp_path / "job") == [] and not (tmp_path / "job").exists()


def test_what_cannot_be_removed_is_named_and_the_rest_goes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    job = tmp_path / "job"
    for name in ("a/kept/file", "a/gone", "z/gone"):
        (job / name).parent.mkdir(parents=True, exist_ok=True)
        (job / name).write_text("")
    with unremovable(job / "a" / "kept"), caplog.at_level(logging.WARNING):
        assert remove_tree(job) == ["/a/kept/file: Operation not permitted"]
        assert sorted(path.relative_to(job).as_posix() for path in job.rglob("*")) == ["a", "a/kept", "a/kept/file"]
        assert f"{job} is not removed: /a/kept/file" in caplog.text
    assert remove_tree(job) == [] and not job.exists()


@pytest.mark.parametrize("count", [NAMED, NAMED + 1])
def test_no_more_than_ten_things_are_named(tmp_path: Path, count: int) -> None:
    (tmp_path / "job").mkdir()
    for number in range(count):
        (tmp_path / "job" / f"file{number}").write_text("")
    with unremovable(tmp_path / "job"):
        assert len(remove_tree(tmp_path / "job")) == NAMED
    assert remove_tree(tmp_path / "job") == []


def test_a_folder_that_is_swapped_for_a_link_meanwhile_leads_nowhere(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "inner").mkdir(parents=True)
    (outside / "inner" / "kept").write_text("kept")
    link, moved = tmp_path / "link", tmp_path / "moved"
    for _ in range(100):
        inner = tmp_path / "job" / "inner"
        for name in "abcdef":
            (inner / name).mkdir(parents=True)
        link.symlink_to(outside / "inner")

        def swap(inner: Path = inner) -> None:
            with contextlib.suppress(FileNotFoundError):
                inner.rename(moved)
                link.rename(inner)

        swapping = threading.Thread(target=swap)
        swapping.start()
        remove_tree(tmp_path / "job")
        swapping.join()
        for path in (tmp_path / "job", moved):
            remove_tree(path)
        link.unlink(missing_ok=True)
        assert (outside / "inner" / "kept").read_text() == "kept"


def test_a_folder_below_what_a_container_may_move_goes_and_no_link_is_followed_to_it(tmp_path: Path) -> None:
    (tmp_path / "job" / "models" / "a" / "deep").mkdir(parents=True)
    assert remove_tree(UntrustedFolder(tmp_path / "job") / "models" / "a") == []
    assert list((tmp_path / "job" / "models").iterdir()) == []
    assert remove_tree(UntrustedFolder(tmp_path / "job") / "models" / "absent") == []
    (tmp_path / "outside" / "a").mkdir(parents=True)
    (tmp_path / "job" / "models").rmdir()
    (tmp_path / "job" / "models").symlink_to(tmp_path / "outside")
    (left,) = remove_tree(UntrustedFolder(tmp_path / "job") / "models" / "a")
    assert "/models is a symbolic link where a folder is expected" in left
    assert (tmp_path / "outside" / "a").exists()
