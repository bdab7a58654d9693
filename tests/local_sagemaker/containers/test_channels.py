"""Keys to files: the rules of local_sagemaker.s3.uri, and the links, copies and shards of local_sagemaker.containers.channels."""

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_sagemaker.containers.channels import CannotDownload, download_channel
from local_sagemaker.containers.untrusted_folder import UntrustedFolder
from local_sagemaker.errors import AwsError
from local_sagemaker.s3.uri import UnsafeKey, file_name, folder_prefix, relative_name, split
from local_sagemaker.storage.objects import Objects


@given(st.text(max_size=60))
def test_no_name_leads_out_of_the_folder(name: str) -> None:
    folder = Path("/base/folder")
    try:
        path = folder / file_name(name)
    except (UnsafeKey, UnicodeEncodeError):
        return
    assert os.path.normpath(path).startswith("/base/folder/")
    assert path.relative_to(folder).as_posix() == name


def test_a_prefix_goes_as_far_as_it_is_a_folder() -> None:
    assert relative_name("data/train/a/b.jpg", "data/train") == "a/b.jpg"
    assert relative_name("data/train/a/b.jpg", "data/train/") == "a/b.jpg"
    assert relative_name("data/train.csv", "data/train") == "train.csv"
    assert relative_name("data/train.csv", "data/train.csv") == "train.csv"
    assert relative_name("a.jpg", "") == "a.jpg"
    assert (folder_prefix("a/b"), folder_prefix("a/b/"), folder_prefix("")) == ("a/b/", "a/b/", "")


def test_an_uri_has_to_be_of_s3() -> None:
    assert split("s3://bucket/a/b", "S3Uri") == ("bucket", "a/b")
    for uri in ("https://bucket/x", "s3:///x", "bucket/x"):
        with pytest.raises(AwsError, match=r"S3Uri .* is not an S3 URI"):
            split(uri, "S3Uri")


@pytest.fixture()
def objects(tmp_path: Path) -> Objects:
    made = Objects(tmp_path / "root")
    made.create_bucket("bucket")
    return made


def channel(uri: str, **source: Any) -> dict[str, Any]:
    return {"ChannelName": "train", "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri, **source}}}


@pytest.mark.parametrize("link", [True, False])
def test_objects_come_as_links_or_copies_and_markers_of_folders_become_folders(
    objects: Objects, tmp_path: Path, link: bool
) -> None:
    objects.put("bucket", "d/", b"")
    objects.put("bucket", "d/empty/", b"")
    info = objects.put("bucket", "d/sub/a.bin", b"A" * 1000)
    assert download_channel(objects, channel("s3://bucket/d/"), UntrustedFolder(tmp_path / "data"), 0, 1, link=link) == 3
    placed = tmp_path / "data" / "train" / "sub" / "a.bin"
    assert placed.samefile(info.path) == link and placed.stat().st_mode & 0o777 == 0o444
    assert (tmp_path / "data" / "train" / "empty").is_dir()
    objects.put("bucket", "d/sub/a.bin", b"B")
    assert placed.read_bytes() == b"A" * 1000


def test_shards_part_the_keys_between_the_hosts(objects: Objects, tmp_path: Path) -> None:
    for number in range(5):
        objects.put("bucket", f"d/{number}", b"x")
    shards = channel("s3://bucket/d/", S3DataDistributionType="ShardedByS3Key")
    counts = [download_channel(objects, shards, UntrustedFolder(tmp_path / str(host)), host, 2, link=False) for host in range(2)]
    names = [sorted(path.name for path in (tmp_path / str(host) / "train").iterdir()) for host in range(2)]
    assert counts == [3, 2]
    assert names == [["0", "2", "4"], ["1", "3"]]


@pytest.mark.parametrize("key", ["d/../../x", "d//x", "d/./x"])
def test_a_key_that_is_no_file_name_is_named(objects: Objects, tmp_path: Path, key: str) -> None:
    objects.put("bucket", key, b"x")
    with pytest.raises(CannotDownload, match=r"ClientError: Data download failed:S3 key .* cannot be a file name"):
        download_channel(objects, channel("s3://bucket/d/"), UntrustedFolder(tmp_path / "data"), 0, 1, link=False)


def test_a_key_that_is_file_and_folder_is_named(objects: Objects, tmp_path: Path) -> None:
    objects.put("bucket", "d/a", b"x")
    objects.put("bucket", "d/a/b", b"x")
    with pytest.raises(CannotDownload, match="'d/a/b' is both a file and a folder"):
        download_channel(objects, channel("s3://bucket/d/"), UntrustedFolder(tmp_path / "data"), 0, 1, link=False)
