"""S3 through real boto3 clients, its transfer manager and raw HTTP, and the bytes on their way to disk.

Covers local_sagemaker.s3.buckets, local_sagemaker.s3.object_operations, local_sagemaker.s3.conditions,
local_sagemaker.s3.list_objects, local_sagemaker.s3.multipart, local_sagemaker.storage.multipart_uploads,
local_sagemaker.s3.http, local_sagemaker.s3.upload_body, local_sagemaker.storage.checksums."""

import hashlib
import io
import os
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from local_sagemaker.errors import AwsError
from local_sagemaker.s3 import upload_body as incoming
from local_sagemaker.storage import blobs, checksums
from local_sagemaker.storage import multipart_uploads as uploads
from tests.support.local_server import LocalServer

MIB = 1024 * 1024
BUCKET = "bucket"


def code_of(call: object, **arguments: object) -> str:
    with pytest.raises(ClientError) as caught:
        call(Bucket=BUCKET, **arguments)
    return caught.value.response["Error"]["Code"]


def test_a_file_goes_up_in_parts_and_comes_down_whole(server: LocalServer, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(21 * MIB + 7))
    server.s3.upload_file(str(source), BUCKET, "parts", ExtraArgs={"Metadata": {"a": "b"}, "ContentType": "x/y"})
    server.s3.download_file(BUCKET, "parts", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == source.read_bytes()
    head = server.s3.head_object(Bucket=BUCKET, Key="parts", ChecksumMode="ENABLED")
    data = source.read_bytes()
    digests = b"".join(hashlib.md5(data[at : at + 8 * MIB]).digest() for at in range(0, len(data), 8 * MIB))
    assert head["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-3"'
    assert (head["Metadata"], head["ContentType"], head["ChecksumType"]) == ({"a": "b"}, "x/y", "COMPOSITE")
    part = server.s3.get_object(Bucket=BUCKET, Key="parts", PartNumber=3)
    assert part["PartsCount"] == 3 and part["Body"].read() == data[16 * MIB :]


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256", "SHA512"])
def test_each_checksum_is_proved_kept_and_given_back(server: LocalServer, algorithm: str) -> None:
    put = server.s3.put_object(Bucket=BUCKET, Key="sum", Body=b"hello", ChecksumAlgorithm=algorithm)
    got = server.s3.get_object(Bucket=BUCKET, Key="sum", ChecksumMode="ENABLED")
    assert put[f"Checksum{algorithm}"] == got[f"Checksum{algorithm}"] and got["Body"].read() == b"hello"
    wrong = {f"Checksum{algorithm}": put[f"Checksum{algorithm}"]}
    assert code_of(server.s3.put_object, Key="sum", Body=b"other", **wrong) == "BadDigest"
    assert server.s3.get_object(Bucket=BUCKET, Key="sum")["Body"].read() == b"hello"


def test_a_full_object_checksum_covers_all_parts(server: LocalServer) -> None:
    begin = {"Key": "full", "ChecksumAlgorithm": "CRC32", "ChecksumType": "FULL_OBJECT"}
    upload = server.s3.create_multipart_upload(Bucket=BUCKET, **begin)["UploadId"]
    bodies, parts = [os.urandom(5 * MIB), b"end"], []
    for number, body in enumerate(bodies, 1):
        part = server.s3.upload_part(Bucket=BUCKET, Key="full", UploadId=upload, PartNumber=number, Body=body)
        parts.append({"PartNumber": number, "ETag": part["ETag"], "ChecksumCRC32": part["ChecksumCRC32"]})
    done = server.s3.complete_multipart_upload(Bucket=BUCKET, Key="full", UploadId=upload, MultipartUpload={"Parts": parts})
    whole = checksums.new("CRC32")
    whole.update(b"".join(bodies))
    assert (done["ChecksumCRC32"], done["ChecksumType"]) == (checksums.encoded(whole), "FULL_OBJECT")


def test_a_part_can_be_a_stretch_of_another_object(server: LocalServer) -> None:
    data = os.urandom(6 * MIB)
    server.s3.put_object(Bucket=BUCKET, Key="source é", Body=data)
    copied = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)
    server.s3.copy({"Bucket": BUCKET, "Key": "source é"}, BUCKET, "copied", Config=copied)
    got = server.s3.get_object(Bucket=BUCKET, Key="copied")
    assert got["Body"].read() == data and got["ETag"].endswith('-2"')


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ([2, 1], "InvalidPartOrder"),
        ([1, 1], "InvalidPartOrder"),
        ([1, 3], "InvalidPart"),
        ([1, 2], "EntityTooSmall"),
        ([], "MalformedXML"),
    ],
)
def test_an_upload_is_completed_with_the_right_parts_or_not_at_all(server: LocalServer, parts: list[int], code: str) -> None:
    upload = server.s3.create_multipart_upload(Bucket=BUCKET, Key="wrong")["UploadId"]
    etags = {
        number: server.s3.upload_part(Bucket=BUCKET, Key="wrong", UploadId=upload, PartNumber=number, Body=b"x")["ETag"]
        for number in (1, 2)
    }
    listed = [{"PartNumber": number, "ETag": etags.get(number, etags[1])} for number in parts]
    arguments = {"Key": "wrong", "UploadId": upload, "MultipartUpload": {"Parts": listed}}
    assert code_of(server.s3.complete_multipart_upload, **arguments) == code
    assert code_of(server.s3.head_object, Key="wrong") == "404"
    server.s3.abort_multipart_upload(Bucket=BUCKET, Key="wrong", UploadId=upload)
    assert code_of(server.s3.list_parts, Key="wrong", UploadId=upload) == "NoSuchUpload"


def test_presigned_urls_of_both_versions_work_until_they_expire(server: LocalServer) -> None:
    for signature in ("s3v4", "s3"):
        client = server.client("s3", signature_version=signature)
        where = {"Bucket": BUCKET, "Key": f"presigned é+{signature}"}
        put = client.generate_presigned_url("put_object", Params={**where, "Metadata": {"m": "1"}, "ContentType": "a/b"})
        headers = {"Content-Type": "a/b"} | ({"x-amz-meta-m": "1"} if signature == "s3v4" else {})
        urllib.request.urlopen(urllib.request.Request(put, b"body", headers, method="PUT"))
        get = client.generate_presigned_url("get_object", Params={**where, "ResponseContentType": "text/x"})
        with urllib.request.urlopen(get) as response:
            assert response.read() == b"body"
            assert response.headers["Content-Type"] == "text/x" and response.headers["x-amz-meta-m"] == "1"
        for bad in (get.replace("presigned", "other"), get.replace("text", "evil")):
            assert status_of(bad) == 403
        short = client.generate_presigned_url("get_object", Params=where, ExpiresIn=1)
        time.sleep(2.1)
        assert status_of(short) == 403


def status_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code


def test_two_conditional_puts_of_one_key_end_with_one(server: LocalServer) -> None:
    def put(number: int) -> str:
        try:
            server.s3.put_object(Bucket=BUCKET, Key="once", Body=b"%d" % number, IfNoneMatch="*")
        except ClientError as error:
            return error.response["Error"]["Code"]
        return "stored"

    with ThreadPoolExecutor(10) as pool:
        outcomes = sorted(pool.map(put, range(10)))
    assert outcomes == ["PreconditionFailed"] * 9 + ["stored"]


@pytest.mark.parametrize(
    "arguments",
    [
        {"ServerSideEncryption": "aws:kms:dsse"},
        {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32},
        {"StorageClass": "GLACIER"},
        {"ACL": "public-read"},
        {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": "2030-01-01"},
        {"WebsiteRedirectLocation": "/x"},
    ],
)
def test_what_cannot_be_kept_is_refused_by_name(server: LocalServer, arguments: dict) -> None:
    with pytest.raises(ClientError) as caught:
        server.s3.put_object(Bucket=BUCKET, Key="refused", Body=b"", **arguments)
    assert next(iter(arguments)) in caught.value.response["Error"]["Message"]
    assert code_of(server.s3.head_object, Key="refused") == "404"


KMS = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "arn:aws:kms:us-east-1:000000000000:key/1"}


def encryption(reply: dict) -> dict[str, str]:
    return {name: reply[name] for name in KMS if name in reply}


def test_the_encryption_that_is_asked_for_is_given_back(server: LocalServer) -> None:
    for number, asked in enumerate([KMS, {"ServerSideEncryption": "aws:kms"}, {"ServerSideEncryption": "AES256"}, {}]):
        place = {"Bucket": BUCKET, "Key": f"sealed-{number}"}
        assert encryption(server.s3.put_object(**place, Body=b"body", ContentType="a/b", **asked)) == asked
        assert encryption(server.s3.head_object(**place)) == asked
        got = server.s3.get_object(**place)
        assert encryption(got) == asked and got["ContentType"] == "a/b" and got["Body"].read() == b"body"
    source = {"Bucket": BUCKET, "Key": "sealed-0"}
    plain = {"Bucket": BUCKET, "Key": "copy"}
    assert encryption(server.s3.copy_object(**plain, CopySource=source)) == {}, "a copy is encrypted as its own request says"
    assert encryption(server.s3.copy_object(**plain, CopySource=plain, **KMS)) == KMS, "that alone makes a copy to itself legal"
    found = server.s3.head_object(**plain)
    assert encryption(found) == KMS and found["ContentType"] == "a/b"
    assert code_of(server.s3.put_object, Key="x", Body=b"", SSEKMSKeyId="key") == "InvalidArgument"


def test_an_upload_in_parts_is_encrypted_as_its_beginning_says(server: LocalServer) -> None:
    place = {"Bucket": BUCKET, "Key": "sealed-parts"}
    started = server.s3.create_multipart_upload(**place, **KMS)
    part = server.s3.upload_part(**place, UploadId=started["UploadId"], PartNumber=1, Body=b"one")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    ended = server.s3.complete_multipart_upload(**place, UploadId=started["UploadId"], MultipartUpload=parts)
    assert [encryption(reply) for reply in (started, part, ended, server.s3.head_object(**place))] == [KMS] * 4


def test_an_operation_that_is_not_there_is_named(server: LocalServer) -> None:
    with pytest.raises(ClientError, match="GetBucketVersioning is not implemented") as caught:
        server.s3.get_bucket_versioning(Bucket=BUCKET)
    assert caught.value.response["Error"]["Code"] == "NotImplemented"


def test_another_owner_is_expected_and_refused(server: LocalServer) -> None:
    server.s3.head_bucket(Bucket=BUCKET, ExpectedBucketOwner="000000000000")
    assert code_of(server.s3.head_bucket, ExpectedBucketOwner="111111111111") == "403"


def test_virtual_hosted_style_reaches_the_same_bucket(server: LocalServer) -> None:
    server.s3.put_object(Bucket=BUCKET, Key="virtual", Body=b"v")
    port = server.url.rpartition(":")[2]
    client = server.client("s3", s3={"addressing_style": "virtual"})
    url = client.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "virtual"})
    hosted = url.replace(f"127.0.0.1:{port}/{BUCKET}/", f"127.0.0.1:{port}/")
    request = urllib.request.Request(hosted, headers={"Host": f"{BUCKET}.s3.localhost:{port}"})
    with urllib.request.urlopen(request) as response:
        assert response.read() == b"v"


def test_gzip_content_is_stored_as_it_came(server: LocalServer) -> None:
    body = b"\x1f\x8b not really gzip"
    server.s3.put_object(Bucket=BUCKET, Key="gz", Body=body, ContentEncoding="gzip")
    got = server.s3.get_object(Bucket=BUCKET, Key="gz")
    assert got["ContentEncoding"] == "gzip" and got["Body"].read() == body


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=5), st.lists(st.integers(1, 40), min_size=1, max_size=8))
@settings(max_examples=200, deadline=None)
def test_chunks_come_off_however_the_bytes_are_cut(chunks: list[bytes], cuts: list[int]) -> None:
    framed = b"".join(b"%x;chunk-signature=abc\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    framed += b"0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n"
    decoder, found, at = incoming.ChunkedDecoder(), b"", 0
    for number in range(10_000):
        step = cuts[number % len(cuts)]
        found += b"".join(decoder.feed(framed[at : at + step]))
        at += step
        if at >= len(framed):
            break
    decoder.finish()
    assert found == b"".join(chunks) and decoder.trailers == {"x-amz-checksum-crc32": "AAAA"}


@pytest.mark.parametrize("framed", [b"", b"zz\r\nab\r\n", b"2\r\nabc\r\n0\r\n\r\n", b"5\r\nab", b"f" * 9 + b"\r\n", b"x" * 9000])
def test_broken_chunks_are_refused(framed: bytes) -> None:
    decoder = incoming.ChunkedDecoder()
    with pytest.raises(AwsError, match="IncompleteBody"):
        decoder.feed(framed)
        decoder.finish()


@pytest.mark.parametrize("more", [0, 1])
def test_trailers_have_a_limit(more: int) -> None:
    decoder = incoming.ChunkedDecoder()
    decoder.feed(b"0\r\n")
    lines = b"".join(b"x-%d: y\r\n" % number for number in range(incoming.TRAILERS + more))
    if more:
        with pytest.raises(AwsError, match="IncompleteBody"):
            decoder.feed(lines)
    else:
        decoder.feed(lines + b"\r\n")
        decoder.finish()
        assert len(decoder.trailers) == incoming.TRAILERS


def test_a_trailing_checksum_is_proved(tmp_path: Path) -> None:
    headers = {"x-amz-trailer": "x-amz-checksum-sha256", "content-encoding": "aws-chunked", "x-amz-decoded-content-length": "5"}
    right = checksums.new("SHA256")
    right.update(b"hello")
    for value, good in ((checksums.encoded(right), True), ("AAAA", False)):
        writer = blobs.Blobs(tmp_path).new()
        body = incoming.Incoming(writer, headers, "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
        body.feed(b"5\r\nhello\r\n0\r\nx-amz-checksum-sha256:%s\r\n\r\n" % value.encode())
        if good:
            body.finish()
            assert body.checksums == {"SHA256": value} and writer.path.read_bytes() == b"hello"
        else:
            with pytest.raises(AwsError, match="BadDigest"):
                body.finish()


@pytest.mark.parametrize(
    ("algorithm", "digest"), [("CRC32C", "e3069283"), ("CRC64NVME", "ae8b14860a799888"), ("CRC32", "cbf43926")]
)
def test_each_crc_gives_its_published_check_value(algorithm: str, digest: str) -> None:
    hasher = checksums.new(algorithm)
    hasher.update(b"1234")
    hasher.update(b"56789")
    assert hasher.digest().hex() == digest
    with pytest.raises(AwsError, match="XXHASH64 is not supported"):
        checksums.new("XXHASH64")


def test_memory_stays_flat_while_200_mb_go_up_and_down(server: LocalServer, tmp_path: Path) -> None:
    process = psutil.Process(server.process.pid)
    before, source = process.memory_info().rss, tmp_path / "big"
    with source.open("wb") as file:
        for _ in range(200):
            file.write(os.urandom(MIB))
    began = time.monotonic()
    with source.open("rb") as file:
        server.s3.put_object(Bucket=BUCKET, Key="big", Body=file)
    up, began = time.monotonic() - began, time.monotonic()
    body, size = server.s3.get_object(Bucket=BUCKET, Key="big")["Body"], 0
    while piece := body.read(MIB):
        size += len(piece)
    down = time.monotonic() - began
    grown = (process.memory_info().rss - before) / MIB
    print(f"200 MB: up {200 / up:.0f} MB/s, down {200 / down:.0f} MB/s, memory grew {grown:.0f} MB")
    assert size == 200 * MIB and grown < 40


def test_an_upload_that_breaks_off_leaves_nothing(server: LocalServer) -> None:
    class Breaking(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > MIB:
                raise OSError("the disk of the client failed")
            return super().read(MIB if size in (None, -1) else size)

    before = sum(1 for path in server.files("objects/blobs/**/*") if path.is_file())
    url = server.s3.generate_presigned_url("put_object", Params={"Bucket": BUCKET, "Key": "half", "ContentType": "a/b"})
    headers = {"Content-Length": str(3 * MIB), "Content-Type": "a/b"}
    request = urllib.request.Request(url, Breaking(b"x" * 3 * MIB), headers, method="PUT")
    with pytest.raises((OSError, urllib.error.URLError)):
        urllib.request.urlopen(request)
    assert code_of(server.s3.head_object, Key="half") == "404"
    deadline = time.monotonic() + 5
    while sum(1 for path in server.files("objects/blobs/**/*") if path.is_file()) > before:
        assert time.monotonic() < deadline, "the half-written file stays"
        time.sleep(0.1)
    assert uploads.PARTS == 10_000


def test_a_full_last_page_of_buckets_has_no_token(server: LocalServer) -> None:
    for number in range(3):
        server.s3.create_bucket(Bucket=f"page-of-buckets-{number}")
    for limit, more in ((2, True), (3, False), (4, False)):
        answer = server.s3.list_buckets(Prefix="page-of-buckets-", MaxBuckets=limit)
        assert len(answer["Buckets"]) == min(limit, 3) and ("ContinuationToken" in answer) == more
