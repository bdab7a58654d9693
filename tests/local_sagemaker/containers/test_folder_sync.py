"""A folder kept the same in S3: what goes up when, what is deleted, what comes back."""

import os
from pathlib import Path

import pytest

from local_sagemaker.containers.folder_sync import FolderSync, push_all
from local_sagemaker.containers.untrusted_folder import UntrustedFolder
from local_sagemaker.storage.objects import Objects


@pytest.fixture()
def sync(tmp_path: Path) -> FolderSync:
    objects = Objects(tmp_path / "root")
    objects.create_bucket("bucket")
    (tmp_path / "folder").mkdir()
    return FolderSync(objects, UntrustedFolder(tmp_path) / "folder", "bucket", "ck/")


def keys(sync: FolderSync) -> list[str]:
    return [info.key for info in sync.objects.walk("bucket")]


def test_a_file_goes_up_when_it_has_stopped_changing_and_as_a_copy(sync: FolderSync) -> None:
    file = sync.folder.path / "a.pt"
    file.write_bytes(b"1")
    sync.push()
    assert keys(sync) == []
    file.write_bytes(b"12")
    sync.push()
    assert keys(sync) == []
    sync.push()
    assert sync.objects.get("bucket", "ck/a.pt") == b"12"
    with file.open("r+b") as opened:
        opened.write(b"99")
    assert sync.objects.get("bucket", "ck/a.pt") == b"12"
    sync.push(final=True)
    assert sync.objects.get("bucket", "ck/a.pt") == b"99"


def test_deletions_follow_but_only_of_what_this_folder_had(sync: FolderSync) -> None:
    sync.objects.put("bucket", "ck/of-another-host", b"x")
    (sync.folder.path / "deep").mkdir()
    (sync.folder.path / "deep" / "mine").write_bytes(b"1")
    sync.push(final=True)
    os.replace(sync.folder.path / "deep" / "mine", sync.folder.path / "renamed")
    sync.push(final=True)
    assert keys(sync) == ["ck/of-another-host", "ck/renamed"]


def test_what_was_restored_is_deleted_too_and_the_rest_is_not_sent_again(sync: FolderSync) -> None:
    first = sync.objects.put("bucket", "ck/old", b"1")
    sync.objects.put("bucket", "ck/kept/x", b"2")
    sync.objects.put("bucket", "ck/../evil", b"3")
    assert sync.restore() == 2
    assert (sync.folder.path / "kept" / "x").read_bytes() == b"2"
    assert not (sync.folder.path / "old").samefile(first.path)
    kept = sync.objects.head("bucket", "ck/kept/x").modified
    (sync.folder.path / "old").unlink()
    sync.push(final=True)
    assert "ck/old" not in keys(sync)
    assert sync.objects.head("bucket", "ck/kept/x").modified == kept


def test_after_a_restart_what_the_folder_lacks_was_deleted_there(sync: FolderSync) -> None:
    sync.objects.put("bucket", "ck/gone", b"1")
    (sync.folder.path / "here").write_bytes(b"2")
    sync.know_s3()
    sync.push(final=True)
    assert keys(sync) == ["ck/here"]


def test_links_pipes_and_unfinished_files_stay(sync: FolderSync) -> None:
    sync.skip = ".tmp"
    (sync.folder.path / "a.tmp").write_bytes(b"1")
    (sync.folder.path / "link").symlink_to("/etc/passwd")
    os.mkfifo(sync.folder.path / "pipe")
    sync.push(final=True)
    assert keys(sync) == []
    told = ["/folder/link is a symbolic link and is not uploaded.", "/folder/pipe is a FIFO and is not uploaded."]
    assert sorted(sync.left_out()) == told
    sync.push(final=True)
    assert sync.left_out() == []  # once is enough


def test_a_missing_bucket_is_a_sentence_not_a_crash(sync: FolderSync) -> None:
    (sync.folder.path / "a").write_bytes(b"1")
    sync.objects.delete_bucket("bucket")
    assert "/folder cannot be uploaded to s3://bucket/ck/" in push_all([sync], final=True)


def test_no_file_goes_up_before_an_older_one(sync: FolderSync) -> None:
    """What a reader finds named in an index has to be there."""
    old, index = sync.folder.path / "events", sync.folder.path / "index"
    index.write_bytes(b"names events")
    sync.push()
    old.write_bytes(b"seen late")
    os.utime(old, ns=(1, index.stat().st_mtime_ns - 1))
    sync.push()
    assert keys(sync) == []
    sync.push()
    assert keys(sync) == ["ck/events", "ck/index"]
    stored = {info.key: info.modified for info in sync.objects.walk("bucket")}
    assert stored["ck/events"] < stored["ck/index"]
