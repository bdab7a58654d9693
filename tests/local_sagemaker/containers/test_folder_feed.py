"""An S3 prefix that comes to a folder as it grows."""

from pathlib import Path

import pytest

from local_sagemaker.containers.folder_feed import FolderFeed
from local_sagemaker.containers.untrusted_folder import UntrustedFolder
from local_sagemaker.storage.objects import Objects


@pytest.fixture()
def feed(tmp_path: Path) -> FolderFeed:
    objects = Objects(tmp_path / "root")
    objects.create_bucket("bucket")
    return FolderFeed(objects, "bucket", "job/", UntrustedFolder(tmp_path) / "folder")


def names(feed: FolderFeed) -> list[str]:
    return sorted(path.relative_to(feed.folder.path).as_posix() for path in feed.folder.path.rglob("*") if path.is_file())


def test_what_is_stored_comes_and_what_is_stored_again_comes_again(feed: FolderFeed) -> None:
    feed.pull()
    feed.objects.put("bucket", "job/a/1", b"one")
    feed.objects.put("bucket", "jobs", b"another's")
    feed.pull()
    assert names(feed) == ["a/1"]
    feed.objects.put("bucket", "job/a/1", b"two")
    feed.objects.put("bucket", "job/2", b"")
    feed.pull()
    assert names(feed) == ["2", "a/1"] and (feed.folder.path / "a/1").read_bytes() == b"two"


def test_a_restart_takes_it_up(feed: FolderFeed) -> None:
    info = feed.objects.put("bucket", "job/a", b"one")
    feed.pull()
    again = FolderFeed(feed.objects, feed.bucket, feed.prefix, feed.folder)
    again.pull()
    assert names(feed) == ["a"] and not (feed.folder.path / "a").samefile(info.path)


def test_a_key_that_leaves_the_folder_is_left_out(feed: FolderFeed) -> None:
    for key in ("job/../../evil", "job/x", "job/x/y", "job//z"):
        feed.objects.put("bucket", key, b"1")
    feed.pull()
    assert names(feed) == ["x"] and not (feed.folder.path.parent.parent / "evil").exists()
