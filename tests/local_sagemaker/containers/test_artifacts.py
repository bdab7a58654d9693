"""Archives of a job: content, links, hosts merged; and local_sagemaker.containers.config_files' hosts and paths."""

import os
import tarfile
from pathlib import Path

import pytest

from local_sagemaker.containers import artifacts
from local_sagemaker.containers import config_files as container_files
from local_sagemaker.containers.untrusted_folder import UntrustedFolder
from local_sagemaker.errors import AwsError


def test_an_archive_has_every_file_once_and_no_device(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        (folder / "sub").mkdir(parents=True)
        (folder / "sub" / "same.txt").write_text(folder.name)
        (folder / f"{folder.name}.txt").write_text(folder.name)
    (one / "link").symlink_to("one.txt")
    os.link(one / "one.txt", one / "twin.txt")
    os.mkfifo(one / "pipe")
    with (tmp_path / "out.tar.gz").open("wb") as file:
        left_out = artifacts.pack(file, artifacts.merged(UntrustedFolder(tmp_path) / name for name in ("one", "two")))
    with tarfile.open(tmp_path / "out.tar.gz") as tar:
        members = {member.name: member for member in tar}
        texts = {name: tar.extractfile(member).read().decode() for name, member in members.items() if member.isreg()}
    assert texts == {"one.txt": "one", "two.txt": "two", "twin.txt": "one", "sub/same.txt": "one"}
    assert members["link"].issym() and members["sub"].isdir()
    assert "pipe" not in members and left_out == ["/one/pipe is a FIFO and is not uploaded."]
    assert {member.uname for member in members.values()} == {"root"}


def test_hosts_are_numbered_over_the_groups() -> None:
    groups = container_files.instance_groups(
        {
            "InstanceGroups": [
                {"InstanceGroupName": "a", "InstanceType": "ml.m5.large", "InstanceCount": 2},
                {"InstanceGroupName": "b", "InstanceType": "ml.c5.large", "InstanceCount": 1},
            ]
        }
    )
    assert container_files.host_names(groups) == ["algo-1", "algo-2", "algo-3"]
    assert groups[1] == {"instance_group_name": "b", "instance_type": "ml.c5.large", "hosts": ["algo-3"]}


@pytest.mark.parametrize("path", ["/tmp/x", "/opt/ml", "/opt/ml/../x", "/opt/mlx"])
def test_a_local_path_stays_below_opt_ml(path: str) -> None:
    with pytest.raises(AwsError, match=r"CheckpointConfig\.LocalPath"):
        container_files.check_local_paths({"CheckpointConfig": {"S3Uri": "s3://b/c", "LocalPath": path}})
    container_files.check_local_paths({"CheckpointConfig": {"S3Uri": "s3://b/c", "LocalPath": "/opt/ml/my/ck"}})
    assert container_files.below_ml("/opt/ml/my/ck") == "my/ck"
