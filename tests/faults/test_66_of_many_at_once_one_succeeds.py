"""Row 66: many requests complete, drop, copy, overwrite or delete the same multipart upload or object at once."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.local_server import LocalServer

LEAST = 5 << 20
"""Bytes of a part that is not the last."""


def at_once(calls: Sequence[Callable[[], Any]]) -> list[str]:
    """What each call came to: "ok", or its error's code. They begin together, in a thread each."""
    together, found = threading.Barrier(len(calls)), [""] * len(calls)

    def run(number: int) -> None:
        together.wait()
        try:
            calls[number]()
            found[number] = "ok"
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            found[number] = error.response["Error"]["Code"] if status < 500 else f"{status} {error}"

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def upload(server: LocalServer, key: str, letters: bytes) -> dict[str, Any]:
    """A multipart upload of one part a letter: the request that completes it."""
    name = {"Bucket": "bucket", "Key": key}
    name["UploadId"] = server.s3.create_multipart_upload(**name)["UploadId"]
    parts = []
    for number, letter in enumerate(letters, 1):
        body = bytes([letter]) * (LEAST if number < len(letters) else 10)
        parts.append({"PartNumber": number, "ETag": server.s3.upload_part(**name, PartNumber=number, Body=body)["ETag"]})
    return {**name, "MultipartUpload": {"Parts": parts}}


def test_seventy_two_requests_complete_twelve_uploads(server: LocalServer) -> None:
    uploads = [upload(server, f"done-{number}", b"ab") for number in range(12)]
    found = at_once([lambda one=one: server.s3.complete_multipart_upload(**one) for one in uploads for _ in range(6)])
    each = [Counter(found[start : start + 6]) for start in range(0, 72, 6)]
    assert each == [{"ok": 1, "NoSuchUpload": 5}] * 12, each
    for one in uploads:
        body = server.s3.get_object(Bucket="bucket", Key=one["Key"])["Body"].read()
        assert body == b"a" * LEAST + b"b" * 10
    assert "Uploads" not in server.s3.list_multipart_uploads(Bucket="bucket")
    blobs = sum(1 for _ in server.files("objects/blobs/*/*"))
    assert blobs == len(server.s3.list_objects_v2(Bucket="bucket")["Contents"]), "no part is left on the disk"
    print(f"72 requests completed 12 uploads: {Counter(found)}")


def test_of_completing_and_dropping_one_wins(server: LocalServer) -> None:
    results = Counter()
    for number in range(10):
        one = upload(server, f"either-{number}", b"c")
        name = {member: one[member] for member in ("Bucket", "Key", "UploadId")}
        calls = [lambda one=one: server.s3.complete_multipart_upload(**one)] * 2
        calls += [lambda name=name: server.s3.abort_multipart_upload(**name)] * 2
        found = at_once(calls)
        assert Counter(found) == {"ok": 1, "NoSuchUpload": 3}, found
        there = server.s3.list_objects_v2(Bucket="bucket", Prefix=one["Key"])["KeyCount"]
        assert there == ("ok" in found[:2])
        results["completed" if there else "dropped"] += 1
    print(f"of completing and dropping exactly one succeeded: {dict(results)}")


@pytest.mark.parametrize("number", range(3))
def test_of_thirty_conditional_puts_one_succeeds(server: LocalServer, number: int) -> None:
    put, key = server.s3.put_object, f"new-{number}"
    found = at_once([lambda n=n: put(Bucket="bucket", Key=key, Body=b"%d" % n, IfNoneMatch="*") for n in range(30)])
    assert Counter(found) == {"ok": 1, "PreconditionFailed": 29}
    assert server.s3.get_object(Bucket="bucket", Key=key)["Body"].read() == b"%d" % found.index("ok")
    etag = server.s3.head_object(Bucket="bucket", Key=key)["ETag"]
    found = at_once([lambda n=n: put(Bucket="bucket", Key=key, Body=b"second %d" % n, IfMatch=etag) for n in range(30)])
    assert Counter(found) == {"ok": 1, "PreconditionFailed": 29}
    print(f"of 30 puts with If-None-Match and of 30 with If-Match one succeeded each: {Counter(found)}")


def test_of_thirty_conditional_deletes_and_puts_one_succeeds(server: LocalServer) -> None:
    s3, results = server.s3, Counter()
    for number in range(5):
        key = f"gone-{number}"
        etag = s3.put_object(Bucket="bucket", Key=key, Body=b"x")["ETag"]
        deletes = [lambda key=key, etag=etag: s3.delete_object(Bucket="bucket", Key=key, IfMatch=etag)] * 15
        puts = [lambda key=key, etag=etag: s3.put_object(Bucket="bucket", Key=key, Body=b"new", IfMatch=etag)] * 15
        found = at_once(deletes + puts)
        assert found.count("ok") == 1 and set(found) <= {"ok", "PreconditionFailed", "NoSuchKey"}, Counter(found)
        there = s3.list_objects_v2(Bucket="bucket", Prefix=key)["KeyCount"]
        assert there == ("ok" in found[15:])
        results["put" if there else "deleted"] += 1
    wanted = {"Objects": [{"Key": "done-0", "ETag": '"0"'}]}
    refused = s3.delete_objects(Bucket="bucket", Delete=wanted)["Errors"]
    assert [one["Code"] for one in refused] == ["PreconditionFailed"] and s3.head_object(Bucket="bucket", Key="done-0")
    print(f"of 15 deletes and 15 puts with the same If-Match one succeeded: {dict(results)}")


def test_a_source_that_goes_while_it_is_copied_is_not_a_fault(server: LocalServer) -> None:
    s3, results, source = server.s3, Counter(), {"Bucket": "bucket", "Key": "source"}
    for _ in range(20):
        s3.put_object(**source, Body=b"first")
        copies = [lambda n=n: s3.copy_object(Bucket="bucket", Key=f"copy-{n}", CopySource=source) for n in range(4)]
        found = at_once([*copies, lambda: s3.put_object(**source, Body=b"second"), lambda: s3.delete_object(**source)])
        assert set(found) <= {"ok", "NoSuchKey"} and found[4:] == ["ok", "ok"], found
        results.update(found[:4])
    print(f"80 copies of what was overwritten and deleted meanwhile: {dict(results)}")


def test_uploads_go_with_their_bucket(server: LocalServer) -> None:
    server.s3.create_bucket(Bucket="second")
    before = sum(1 for _ in server.files("objects/blobs/*/*"))
    upload_id = server.s3.create_multipart_upload(Bucket="second", Key="k")["UploadId"]
    server.s3.upload_part(Bucket="second", Key="k", UploadId=upload_id, PartNumber=1, Body=b"x")
    server.s3.delete_bucket(Bucket="second")
    assert sum(1 for _ in server.files("objects/blobs/*/*")) == before
