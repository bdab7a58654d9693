"""Row 29: whatever a bucket, a key or a job is called, nothing outside the root is touched, and inside it no name is a path."""

import contextlib
import http.client
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, ParamValidationError
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.support.local_server import LocalServer, job_request, processing_request

PIECES = [
    "..",
    ".",
    "/",
    "//",
    "%2e%2e%2f",
    "%2e",
    "\x00",
    "a",
    "etc/passwd",
    "é",
    "\u202e",
    "\\",
    "~",
    "state.db",
    "objects",
    "\n",
]
WILD = st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join)
RAW = st.lists(
    st.sampled_from(["..", "%2e%2e", "/", "%2f", "%00", "%5c", "a", "%ff", "..%2f", "%252e", "objects", "//"]),
    max_size=8,
).map("".join)
INSIDE = re.compile(
    r"(objects/(index\.db(-wal|-shm)?|blobs(/[0-9a-f]{2}(/[0-9a-f]{32})?)?))|(state|events)\.db(-wal|-shm)?"
    r"|registry(/(index\.db(-wal|-shm)?|uploads|blobs(/[0-9a-f]{2})?))?|objects|jobs|processing|endpoints|lock|server\.(json|log)|credentials\.json"
)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LocalServer, Path]]:
    """A server whose root is deep in a folder with something to break."""
    outer = tmp_path_factory.mktemp("outer")
    for name in ("secret", "etc/passwd", "a/b/secret"):
        (outer / name).parent.mkdir(parents=True, exist_ok=True)
        (outer / name).write_text("untouched")
    server = LocalServer(outer / "a" / "b" / "root")
    server.s3.create_bucket(Bucket="bucket")
    server.s3.put_object(Bucket="bucket", Key="kept", Body=b"")  # so that no DELETE of the tests' empties and removes the bucket
    (outer / "a" / "b" / "root" / "escape").symlink_to(outer)
    yield server, outer
    server.stop()


def tree(outer: Path) -> dict[str, bytes | None]:
    found = {}
    for folder, folders, files in os.walk(outer):
        if Path(folder).name == "root":
            folders.clear()
            continue
        found |= {os.path.join(folder, name): Path(folder, name).read_bytes() for name in files}
        found |= {os.path.join(folder, name): None for name in folders}
    return found


def raw(server: LocalServer, method: str, path: str, body: bytes = b"") -> int:
    """A signed request whose path nobody has tidied."""
    request = AWSRequest(method, f"{server.url}{path}", data=body)
    S3SigV4Auth(Credentials(*server._keys), "s3", "us-east-1").add_auth(request)
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=10)
    with contextlib.closing(connection):
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in {**request.headers, "Content-Length": str(len(body))}.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        return connection.getresponse().status


def check_inside(server: LocalServer) -> None:
    for path in server.files("**/*"):
        name = path.relative_to(server.root).as_posix()
        assert name.startswith("escape") or INSIDE.fullmatch(name), name


def test_keys_and_buckets_through_boto3(guarded: tuple[LocalServer, Path]) -> None:
    server, outer = guarded
    before, stored = tree(outer), 0

    @given(WILD, WILD)
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    def try_names(bucket: str, key: str) -> None:
        nonlocal stored
        with contextlib.suppress(ClientError, ParamValidationError, ValueError):
            server.s3.create_bucket(Bucket=bucket)
        with contextlib.suppress(ClientError, ParamValidationError, ValueError):
            server.s3.put_object(Bucket="bucket", Key=key, Body=key.encode())
            assert server.s3.get_object(Bucket="bucket", Key=key)["Body"].read() == key.encode()
            stored += 1

    try_names()
    assert tree(outer) == before and stored > 20
    check_inside(server)
    print(f"{stored} wild keys stored and read back; nothing outside the root changed")


def test_keys_and_buckets_through_raw_http(guarded: tuple[LocalServer, Path]) -> None:
    server, outer = guarded
    before, statuses = tree(outer), set()

    @given(st.sampled_from(["PUT", "GET", "DELETE", "HEAD"]), RAW, RAW)
    @settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
    def try_path(method: str, bucket: str, key: str) -> None:
        for path in (f"/bucket/{key}", f"/{bucket}/{key}"):
            statuses.add(raw(server, method, path, b"x" if method == "PUT" else b""))

    try_path()
    assert tree(outer) == before
    check_inside(server)
    assert statuses <= {200, 204, 400, 403, 404, 405, 409}, statuses
    print(f"raw paths answered {sorted(statuses)}; nothing outside the root changed")


def test_job_names(guarded: tuple[LocalServer, Path]) -> None:
    server, outer = guarded
    before = tree(outer)

    @given(WILD)
    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    def try_name(name: str) -> None:
        assume(not re.fullmatch("[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", name))
        with pytest.raises(ClientError) as caught:
            server.sagemaker.create_training_job(**job_request(name))
        assert caught.value.response["Error"]["Code"] == "ValidationException", name
        assert "trainingJobName" in caught.value.response["Error"]["Message"]
        with pytest.raises(ClientError, match="processingJobName"):
            server.sagemaker.create_processing_job(**processing_request(name))

    try_name()
    for service, target in (("sagemaker", "SageMaker./../../x"), ("sagemaker", "../SageMaker.ListModels")):
        request = AWSRequest("POST", server.url + "/", headers={"X-Amz-Target": target}, data=b"{}")
        SigV4Auth(Credentials(*server._keys), service, "us-east-1").add_auth(request)
        connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=10)
        connection.request("POST", "/", b"{}", dict(request.headers))
        assert connection.getresponse().status == 400
        connection.close()
    assert tree(outer) == before
    check_inside(server)


def test_local_paths_of_processing_jobs_and_rules(guarded: tuple[LocalServer, Path]) -> None:
    server, outer = guarded
    before, hook = tree(outer), {"DebugHookConfig": {"S3OutputPath": "s3://bucket/t"}}

    @given(st.sampled_from(["/opt/ml/processing/", "/opt/ml/", "/", ""]), WILD)
    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    def try_path(start: str, rest: str) -> None:
        path = start + rest
        assume(not start.startswith("/opt/ml/processing/") or ".." in path.split("/") or "\0" in path)
        output = {"S3Uri": "s3://bucket/o", "LocalPath": path, "S3UploadMode": "EndOfJob"}
        outputs = {"Outputs": [{"OutputName": "o", "S3Output": output}]}
        rule = {"RuleConfigurationName": "r", "RuleEvaluatorImage": "i", "LocalPath": path}
        with pytest.raises(ClientError, match="ValidationException"):
            server.sagemaker.create_processing_job(**processing_request("wild", ProcessingOutputConfig=outputs))
        with pytest.raises(ClientError, match="ValidationException"):
            server.sagemaker.create_training_job(**job_request("wild", DebugRuleConfigurations=[rule], **hook))

    try_path()
    assert tree(outer) == before
    check_inside(server)


def test_a_symbolic_link_in_the_root_is_not_followed_by_a_key(guarded: tuple[LocalServer, Path]) -> None:
    server, _ = guarded
    for key in ("escape/secret", "../escape/secret", "../../escape/secret"):
        with pytest.raises(ClientError, match="NoSuchKey"):
            server.s3.get_object(Bucket="bucket", Key=key)
