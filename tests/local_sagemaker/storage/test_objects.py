"""Objects on disk: keys, listings, atomic puts, links, sweeping; blobs, listing and object_info below them."""

import hashlib
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local_sagemaker.errors import AwsError
from local_sagemaker.storage import blobs
from local_sagemaker.storage.object_info import About, key_bytes
from local_sagemaker.storage.object_listing import list_page
from local_sagemaker.storage.objects import Objects

KEYS = st.text(alphabet=st.sampled_from("ab/.é\U0001f600\x00%"), min_size=1, max_size=6)


@pytest.fixture()
def objects(tmp_path: Path) -> Objects:
    made = Objects(tmp_path)
    made.create_bucket("bucket")
    return made


@pytest.mark.parametrize(
    "key", ["a", "a/b", "../../x", "/etc/passwd", "a\x00b", "x" * 1024, "é/\U0001f600", "%2e%2e%2f", "//", "."]
)
def test_any_key_is_a_name_and_no_path(objects: Objects, tmp_path: Path, key: str) -> None:
    info = objects.put("bucket", key, key.encode())
    assert objects.get("bucket", key) == key.encode()
    assert info.path.parent.parent == tmp_path / "objects" / "blobs"
    assert [one.key for one in objects.walk("bucket")] == [key]


@pytest.mark.parametrize(("key", "code"), [("", "InvalidRequest"), ("x" * 1025, "KeyTooLongError"), ("\ud800", "InvalidURI")])
def test_what_is_no_key_is_refused(objects: Objects, key: str, code: str) -> None:
    with pytest.raises(AwsError) as caught:
        objects.put("bucket", key, b"")
    assert caught.value.code == code
    with pytest.raises(AwsError):
        key_bytes(key)


@given(st.sets(KEYS, max_size=12), KEYS | st.just(""), st.integers(1, 4), st.sampled_from(["", "/", "a", "//"]))
@settings(max_examples=300, deadline=None)
def test_pages_of_a_listing_add_up_to_what_s3_would_list(keys: set[str], prefix: str, limit: int, delimiter: str) -> None:
    class Index:
        def rows(self, bucket: str, cursor: bytes, inclusive: bool, stop: bytes | None, limit: int) -> list:
            ordered = sorted(key.encode() for key in keys)
            found = [key for key in ordered if key > cursor or (inclusive and key == cursor)]
            found = [key for key in found if stop is None or key < stop][:limit]
            return [type("Info", (), {"key": key.decode()}) for key in found]

    expected: list[str] = []
    for key in sorted(keys, key=str.encode):
        if key.startswith(prefix):
            at = key.find(delimiter, len(prefix)) if delimiter else -1
            rolled = key if at < 0 else key[: at + len(delimiter)]
            if rolled not in expected:
                expected.append(rolled)
    found: list[str] = []
    after, truncated = "", True
    while truncated:
        page = list_page(Index(), "b", prefix, after, limit, delimiter)
        assert len(page.objects) + len(page.prefixes) <= limit
        found += sorted([info.key for info in page.objects] + page.prefixes, key=str.encode)
        after, truncated = page.last, page.truncated
    assert found == expected


def test_a_reader_is_not_disturbed_by_a_put_or_a_delete(objects: Objects) -> None:
    objects.put("bucket", "k", b"old")
    _, file = objects.open("bucket", "k")
    objects.put("bucket", "k", b"new")
    objects.delete("bucket", "k")
    with file:
        assert file.read() == b"old"


def test_readers_and_writers_of_one_key_see_whole_objects(objects: Objects) -> None:
    objects.put("bucket", "k", b"0" * 1000)
    seen, stop = set(), threading.Event()

    def read() -> None:
        while not stop.is_set():
            seen.add(objects.get("bucket", "k"))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(60):
        objects.put("bucket", "k", b"%d" % (number % 10) * 1000)
    stop.set()
    for reader in readers:
        reader.join()
    assert all(len(set(body)) == 1 and len(body) == 1000 for body in seen)
    assert objects.sweep() == 0, "an overwritten object leaves nothing behind"


def test_a_file_is_linked_and_not_copied(objects: Objects, tmp_path: Path) -> None:
    source = tmp_path / "model.tar.gz"
    source.write_bytes(b"weights")
    info = objects.put_file("bucket", "model", source)
    assert info.path.stat().st_ino == source.stat().st_ino
    assert info.etag == hashlib.md5(b"weights").hexdigest()
    assert objects.put_file("bucket", "copy", source, link=False).path.stat().st_ino != source.stat().st_ino


@pytest.mark.parametrize("link", [True, False])
def test_a_symbolic_link_or_a_fifo_is_never_stored(objects: Objects, tmp_path: Path, link: bool) -> None:
    (tmp_path / "secret").write_text("s")
    (tmp_path / "escape").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "fifo")
    for name in ("escape", "fifo"):
        with pytest.raises((ValueError, OSError)):
            objects.put_file("bucket", "k", tmp_path / name, link=link)
    assert not objects.has("bucket", "k")


def test_a_new_start_sweeps_what_was_half_written(objects: Objects, tmp_path: Path) -> None:
    objects.put("bucket", "k", b"kept", About(metadata={"a": "b"}))
    writer = objects.blobs.new()
    writer.write(b"half")
    objects.close()
    again = Objects(tmp_path)
    assert again.sweep() == 1 and not writer.path.exists()
    assert again.get("bucket", "k") == b"kept"
    assert again.head("bucket", "k").about.metadata == {"a": "b"}


def test_a_broken_index_takes_its_files_aside_instead_of_sweeping_them(objects: Objects, tmp_path: Path) -> None:
    objects.put("bucket", "k", b"precious")
    objects.close()
    (tmp_path / "objects" / "index.db").write_bytes(b"broken" * 1000)
    again = Objects(tmp_path)
    again.sweep()
    aside = next((tmp_path / "objects").glob("blobs.corrupt-*"))
    assert [path.read_bytes() for path in aside.rglob("*") if path.is_file()] == [b"precious"]
    assert again.notice and str(aside) in again.notice


def test_only_an_empty_bucket_goes(objects: Objects) -> None:
    objects.put("bucket", "k", b"")
    with pytest.raises(AwsError, match="BucketNotEmpty"):
        objects.delete_bucket("bucket")
    objects.delete("bucket", "k")
    objects.delete_bucket("bucket")
    with pytest.raises(AwsError, match="NoSuchBucket"):
        objects.put("bucket", "k", b"")


@pytest.mark.parametrize("name", ["", "ab", "A", "a..b", "../x", "a/b", "-ab", "ab-", "a\x00b", "a" * 64, "a b", "ü12"])
def test_a_bucket_name_is_what_s3_allows(objects: Objects, name: str) -> None:
    with pytest.raises(AwsError, match="InvalidBucketName"):
        objects.create_bucket(name)


def test_a_blob_is_only_ever_addressed_by_an_id(tmp_path: Path) -> None:
    store = blobs.Blobs(tmp_path)
    for name in ("../../etc/passwd", "", "A" * 32, "0" * 31):
        with pytest.raises(ValueError):
            store.path(name)
