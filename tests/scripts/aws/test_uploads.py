"""`kennel data` and `kennel weights` against a real S3: only what changed goes, what is gone here goes there, names are checked.

Also scripts.verbs.data, scripts.verbs.weights and scripts.files.state.
"""

import hashlib
import io
import json
import zipfile
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from scripts.aws.calls import Call
from scripts.aws.settings import Settings
from scripts.aws.uploads import upload
from scripts.cli.terminal import Terminal
from scripts.verbs.data import files_of
from tests.support.fakes import FileServer
from tests.support.local_server import LocalServer
from tests.support.person import Kennel, write_pictures

SAY = Terminal(Console(file=io.StringIO()))


def keys(server: LocalServer, prefix: str) -> list[str]:
    return [row["Key"] for row in server.s3.list_objects_v2(Bucket="bucket", Prefix=prefix).get("Contents", [])]


def test_only_what_changed_is_uploaded(local: Kennel, server: LocalServer, pictures: Path) -> None:
    words = ("data", "--folder", str(pictures), "--data-name", "changing")
    assert "12 uploaded" in local.run(*words).stdout
    assert "0 uploaded (0.0 MB), 12 unchanged" in local.run(*words).stdout
    some = sorted(pictures.glob("train/*/*.jpg"))
    Image.new("RGB", (16, 16), "red").save(some[0])
    some[1].unlink()
    assert "1 uploaded (0.0 MB), 10 unchanged, 1 removed" in local.run(*words).stdout
    assert len(keys(server, "kennel/data/changing/")) == 11
    assert local.state()["data"] == "changing"


class Encrypted:
    """An S3 whose ETags are no MD5s, as with a KMS key."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[int, str]] = {}
        self.puts = 0

    def send(self, call: Call) -> dict:
        assert call.request["SSEKMSKeyId"] == "key"
        self.puts += 1
        self.objects[call.request["Key"]] = (call.request["Body"].stat().st_size, f'"{self.puts:032x}"')
        return {"ETag": self.objects[call.request["Key"]][1]}

    def ask(self, service: str, operation: str, **request: str) -> dict:
        assert operation == "ListObjectsV2"
        return {"Contents": [{"Key": key, "Size": size, "ETag": etag} for key, (size, etag) in self.objects.items()]}


def test_with_a_kms_key_etags_are_no_md5s_and_still_nothing_is_sent_twice(kennel: Kennel, pictures: Path) -> None:
    s3, settings = Encrypted(), Settings(target="aws", home=kennel.folder, bucket="b", kms_key="key")
    for puts in (12, 12):
        upload(s3, settings, "kennel/data/x/", files_of(pictures), SAY)  # type: ignore[arg-type]
        assert s3.puts == puts
    changed = next(pictures.glob("train/*/*.jpg"))
    changed.write_bytes(changed.read_bytes()[::-1])
    s3.objects["kennel/data/x/" + sorted(files_of(pictures))[-1]] = (1, '"somebody else wrote it"')
    upload(s3, settings, "kennel/data/x/", files_of(pictures), SAY)  # type: ignore[arg-type]
    assert s3.puts == 14


def test_a_zip_is_fetched_unpacked_and_uploaded(local: Kennel, server: LocalServer, tmp_path: Path) -> None:
    source = write_pictures(tmp_path / "dogImages")
    with zipfile.ZipFile(tmp_path / "dogs.zip", "w") as archive:
        for path in source.rglob("*.jpg"):
            archive.write(path, path.relative_to(tmp_path))
    with FileServer((tmp_path / "dogs.zip").read_bytes()) as files:
        files.break_after = [500]
        done = local.run("data", "--url", f"{files.url}/dogs.zip", "--data-name", "zipped")
    assert "2 classes: 4 train, 4 valid, 4 test" in done.stdout and len(keys(server, "kennel/data/zipped/")) == 12


def test_a_set_that_is_not_the_original_is_refused(kennel: Kennel, tmp_path: Path) -> None:
    from scripts.cli.verb_config import DataConfig
    from scripts.errors import LaunchError
    from scripts.verbs.data import gather

    folder = write_pictures(tmp_path / "few")
    settings = Settings(target="local", home=kennel.folder)
    with pytest.raises(LaunchError, match="2 classes and 12 pictures where 133 classes and 8,351 pictures belong"):
        gather(DataConfig(settings=settings, name="dogs", folder=folder, expected=(133, 8351)), SAY)
    (folder / "test" / "003.Cat").mkdir()
    (folder / "test" / "003.Cat" / "a.jpg").write_bytes(b"x")
    with pytest.raises(LaunchError, match=r"class '003\.Cat' is not in train"):
        gather(DataConfig(settings=settings, name="dogs", folder=folder), SAY)


def test_weights_are_checked_by_the_hash_in_their_name(local: Kennel, server: LocalServer) -> None:
    body = b"not really weights"
    good = f"resnet18-{hashlib.sha256(body).hexdigest()[:8]}.pth"
    with FileServer(body) as files:
        assert "1 uploaded" in local.run("weights", "--url", f"{files.url}/models/{good}").stdout
        wrong = local.run("weights", "--url", f"{files.url}/resnet18-00000000.pth", status=2).stderr
        assert "its SHA-256 begins" in wrong and "not 00000000" in wrong
        assert "has no hash" in local.run("weights", "--url", f"{files.url}/resnet18.pth", status=2).stderr
    assert keys(server, "kennel/weights/") == [f"kennel/weights/{Path(good).stem}/{good}"]
    channel = local.plan("train", "--data-name", "x")[0]["request"]["InputDataConfig"][-1]
    where = channel["DataSource"]["S3DataSource"]["S3Uri"]
    assert channel["ChannelName"] == "pretrained" and where.endswith(f"/{Path(good).stem}/")


def test_a_broken_state_file_is_named(kennel: Kennel) -> None:
    (kennel.folder / ".kennel").mkdir()
    (kennel.folder / ".kennel" / "state-local.json").write_text("{")
    status, error = kennel.fail("status")
    assert status == 2 and "state-local.json: cannot be read" in error and "remove it" in error
    kennel.state(data="dogs")
    assert json.loads((kennel.folder / ".kennel" / "state-local.json").read_text()) == {"data": "dogs"}
