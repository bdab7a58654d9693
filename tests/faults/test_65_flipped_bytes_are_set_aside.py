"""Row 65: bytes of a database of the root have changed: anywhere, in a header, a schema, a key or a value.

Set aside, named, and the server starts. Also local_sagemaker.storage.database.
"""

import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local_sagemaker.storage.image_index import Registry
from local_sagemaker.storage.log_events import Events
from local_sagemaker.storage.objects import Objects
from local_sagemaker.storage.store import Store
from tests.support.local_server import LocalServer

TRIES = 50
"""Damaged copies of each database; 2,000 take some minutes."""
DATABASES = {"state.db": Store, "events.db": Events, "objects/index.db": Objects, "registry/index.db": Registry}
RECORD = {"status": "Completed", "numbers": list(range(40)), "text": "é" * 50}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with something in each database, closed."""
    root = tmp_path_factory.mktemp("sound")
    store, events, objects, registry = Store(root), Events(root), Objects(root), Registry(root)
    objects.create_bucket("bucket")
    for number in range(30):
        store.put("training-job", f"job-{number}", RECORD)
        events.append("/group", f"stream-{number % 3}", [f"line {number} {'x' * 80}"])
        objects.put("bucket", f"folder/key-{number}", b"precious")
        registry.create(f"image-{number}", {"name": f"image-{number}", "created": 1.5, "tags": []})
    for part in (store, events, objects, registry):
        part.close()
    return root


def read_all(part: Any) -> list[Any]:
    """Everything that the server would read of it."""
    match part:
        case Store():
            return part.list("training-job")
        case Events():
            streams = [row["name"] for group in part.groups() for row in part.streams(group["name"])]
            return [part.after("/group", name, (0, 0), 0, 2**62, 99) for name in streams]
        case Objects():
            return [info.key for bucket, _ in part.buckets() for info in part.walk(bucket)]
        case _:
            return [part.find(name) for name in part.names()]


@pytest.mark.parametrize("name", DATABASES)
def test_whatever_byte_it_is_the_server_starts(sound: Path, tmp_path: Path, name: str) -> None:
    kind, dice, aside, whole = DATABASES[name], random.Random(name), 0, (sound / name).read_bytes()
    written = [place for place, byte in enumerate(whole) if byte]
    opened = kind(sound)
    expected = read_all(opened)
    opened.close()
    for number in range(TRIES):
        root = tmp_path / str(number)
        (root / name).parent.mkdir(parents=True)
        data = bytearray(whole)
        for place in dice.sample(written if number % 3 else range(100), dice.choice((1, 2, 8))):
            data[place] ^= dice.randrange(1, 256)
        (root / name).write_bytes(data)
        part = kind(root)
        found = read_all(part)
        if part.notice:
            aside += 1
            assert not found and f"{root / name} is broken" in part.notice and "It was moved to" in part.notice
            assert next((root / name).parent.glob("*.corrupt-*")).read_bytes() == bytes(data)
        elif kind is Store:
            assert found == expected, "a changed record was believed"
        part.close()
        shutil.rmtree(root)
    assert aside > TRIES // 10
    print(f"{name}: of {TRIES} damaged copies {aside} were set aside and named, the rest was harmless; every one opened")


def test_a_blob_whose_name_in_the_index_has_changed_is_not_swept(sound: Path, tmp_path: Path) -> None:
    shutil.copytree(sound, tmp_path / "root")
    objects = Objects(tmp_path / "root")
    info = objects.head("bucket", "folder/key-7")
    other = info.path.name[:-1] + ("0" if info.path.name[-1] != "0" else "1")
    objects.database.execute("UPDATE objects SET blob = ? WHERE blob = ?", (other, info.path.name))
    assert objects.sweep() == 0 and info.path.read_bytes() == b"precious"
    objects.database.execute("UPDATE objects SET blob = ? WHERE blob = ?", (info.path.name, other))
    stray = objects.blobs.new()
    stray.close()
    assert objects.sweep() == 1 and not stray.path.exists() and info.path.exists()
    objects.close()


@pytest.fixture()
def server(tmp_path: Path) -> Iterator[LocalServer]:
    """A server with something in each database."""
    started = LocalServer(tmp_path / "root")
    started.s3.create_bucket(Bucket="bucket")
    started.s3.put_object(Bucket="bucket", Key="k", Body=b"precious", Metadata={"about": "the object"})
    started.logs.create_log_group(logGroupName="/group")
    started.ecr.create_repository(repositoryName="image")
    started.client("iam").create_role(RoleName="role", AssumeRolePolicyDocument='{"Statement": []}')
    started.stop()
    yield started
    started.kill()


DAMAGE = {
    "the write version in the header": lambda data: data.__setitem__(18, 7),
    "the schema": lambda data: data.__setitem__(data.index(b"TABLE"), ord("F")),
    "a value": lambda data: data.__setitem__(data.index(b'{"') + 1, 0xFF),
    "half of the file": lambda data: data.__delitem__(slice(len(data) // 2, None)),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_the_server_says_which_file_it_was_and_starts(server: LocalServer, what: str) -> None:
    names = [name for name in DATABASES if what != "a value" or name != "events.db"]
    for name in names:
        data = bytearray((server.root / name).read_bytes())
        DAMAGE[what](data)
        (server.root / name).write_bytes(data)
    seconds = server.start()
    said = (server.root / "server.log").read_text()
    for name in names:
        assert f"warning: {server.root / name} is broken" in said, said
    assert "Traceback" not in said
    kept = [one.read_bytes() for one in server.files("objects/blobs.corrupt-*/*/*")]
    assert kept == [b"precious"] and server.s3.list_buckets()["Buckets"] == []
    server.s3.create_bucket(Bucket="bucket")
    print(f"{what}: {len(names)} databases set aside and named, ready in {seconds:.1f} s")
