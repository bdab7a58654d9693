"""Row 51: a signature made for one thing is sent with another: refused with 403, nothing is run, copied or changed."""

import contextlib
import datetime
import http.client
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.support.local_server import LocalServer, job_request

TARGET = {"X-Amz-Target": "SageMaker.CreateTrainingJob", "Content-Type": "application/x-amz-json-1.1"}
COPY = {"x-amz-copy-source": "/bucket/secret"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
CREATE_ROLE = b"Action=CreateRole&Version=2010-05-08&RoleName=evil&AssumeRolePolicyDocument=%7B%22Statement%22%3A%5B%5D%7D"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A server with one bucket, an object to share, and one to keep secret."""
    started = LocalServer(tmp_path_factory.mktemp("root"))
    started.s3.create_bucket(Bucket="bucket")
    started.s3.put_object(Bucket="bucket", Key="shared", Body=b"shared", Tagging="kept=1")
    started.s3.put_object(Bucket="bucket", Key="secret", Body=b"secret")
    yield started
    started.stop()


class Attacker:
    """Somebody who holds a signed URL or request, sends it changed, and looks whether that was of any use."""

    def __init__(self, server: LocalServer, folder: Path) -> None:
        self.server = server
        self.mark = folder / "the-command-ran"
        self.host = server.url.removeprefix("http://")
        self.refused = 0
        program = f"open({str(self.mark)!r}, 'w')"
        request = job_request("evil")
        request["AlgorithmSpecification"] |= {"ContainerEntrypoint": [sys.executable, "-c", program]}
        self.job = json.dumps(request).encode()

    def url(self, operation: str, key: str = "shared", version: str = "s3v4", **more: object) -> str:
        """A presigned URL, as boto3 makes it."""
        client = self.server.client("s3", signature_version=version)
        return client.generate_presigned_url(operation, Params={"Bucket": "bucket", "Key": key, **more})

    def headers(self, service: str, method: str, path: str, body: bytes = b"", **options: str) -> dict[str, str]:
        """The headers of a rightly signed request; `region` and `moment` may be chosen, and `add` one more header."""
        request = AWSRequest(method, self.server.url + path, headers=dict(options.get("add", {})), data=body)
        signer = (S3SigV4Auth if service == "s3" else SigV4Auth)(
            Credentials(*self.server._keys), service, options.get("region", "us-east-1")
        )
        signer.add_auth(request)
        return dict(request.headers)

    def send(self, method: str, url: str, headers: dict[str, str], body: bytes = b"") -> tuple[int, bytes]:
        split = urlsplit(url)
        path = f"{split.path}?{split.query}" if split.query else split.path
        connection = http.client.HTTPConnection(self.host, timeout=10)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, response.read()

    def refuses(self, why: str, method: str, url: str, headers: dict[str, str], body: bytes = b"") -> None:
        """Sends it, and holds that it was of no use."""
        status, answer = self.send(method, url, headers, body)
        assert status == 403, (why, status, answer)
        assert b"secret" not in answer.replace(b"/bucket/secret", b""), why
        self.unchanged(why)
        self.refused += 1

    def unchanged(self, why: str) -> None:
        found = self.server.s3.list_objects_v2(Bucket="bucket")["Contents"]
        assert [item["Key"] for item in found] == ["secret", "shared"], why
        for key in ("secret", "shared"):
            assert self.server.s3.get_object(Bucket="bucket", Key=key)["Body"].read() == key.encode(), why
        assert self.server.s3.get_object_tagging(Bucket="bucket", Key="shared")["TagSet"], why
        assert self.server.sagemaker.list_training_jobs()["TrainingJobSummaries"] == [], why
        assert self.server.client("iam").list_roles()["Roles"] == [], why
        assert not self.mark.exists(), f"{why}: the command ran"


@pytest.fixture()
def attacker(server: LocalServer, tmp_path: Path) -> Iterator[Attacker]:
    made = Attacker(server, tmp_path)
    yield made
    print(f"{made.refused} requests with a signature for something else: all 403, nothing was run, copied or changed")


def test_a_url_for_an_object_starts_no_job(attacker: Attacker) -> None:
    for version in ("s3v4", "s3"):
        for operation, method in (("get_object", "GET"), ("put_object", "PUT")):
            for sent in {method, "POST"}:
                url = attacker.url(operation, version=version)
                attacker.refuses(f"{version} {operation} sent as {sent}", sent, url, TARGET, attacker.job)
    for path in ("/", "/bucket/shared"):
        request = AWSRequest("POST", attacker.server.url + path)
        S3SigV4QueryAuth(Credentials(*attacker.server._keys), "s3", "us-east-1", expires=60).add_auth(request)
        attacker.refuses(f"a presigned POST of {path}", "POST", request.url, TARGET, attacker.job)
    request = AWSRequest("POST", attacker.server.url + "/", headers=TARGET, data=attacker.job)
    SigV4QueryAuth(Credentials(*attacker.server._keys), "sagemaker", "us-east-1", expires=60).add_auth(request)
    attacker.refuses("a presigned SageMaker call", "POST", request.url, TARGET, attacker.job)


def test_a_signed_request_takes_no_other_target(attacker: Attacker) -> None:
    body = attacker.job
    cases = {
        "signed for S3": attacker.headers("s3", "POST", "/", body),
        "signed for the runtime": attacker.headers("sagemaker", "POST", "/", body),
        "signed for IAM": attacker.headers("iam", "POST", "/", body),
    }
    for why, headers in cases.items():
        attacker.refuses(f"{why}, target added", "POST", attacker.server.url + "/", headers | TARGET, body)
    for service in ("s3", "logs", "ecr", "iam", "application-autoscaling", "ec2"):
        headers = attacker.headers(service, "POST", "/", body, add=TARGET)
        attacker.refuses(f"target signed for {service}", "POST", attacker.server.url + "/", headers, body)
    unsigned = TARGET | {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
    attacker.refuses("no body signed", "POST", "/", attacker.headers("sagemaker", "POST", "/", b"{}", add=unsigned), body)
    attacker.refuses("S3, no body signed", "POST", "/", attacker.headers("s3", "POST", "/", b"{}", add=unsigned), body)
    for method, path in (("GET", "/"), ("PUT", "/"), ("POST", "/bucket/shared"), ("POST", "/v2/"), ("POST", "/?a=b")):
        headers = attacker.headers("sagemaker", method, path, body, add=TARGET)
        attacker.refuses(f"{method} {path}", method, path, headers, body)
    headers = attacker.headers("iam", "GET", "/", CREATE_ROLE, add=FORM)
    attacker.refuses("IAM by GET", "GET", "/", headers, CREATE_ROLE)
    headers = attacker.headers("sagemaker", "POST", "/", CREATE_ROLE, add=FORM)
    status, _ = attacker.send("POST", "/", headers, CREATE_ROLE)  # a call of the runtime, which has no such path
    assert status == 400
    attacker.unchanged("a form signed for SageMaker")


def test_the_day_and_the_region_are_those_of_the_request(attacker: Attacker) -> None:
    server, body = attacker.server, b"{}"
    listing = {**TARGET, "X-Amz-Target": "SageMaker.ListModels"}
    request = AWSRequest("POST", server.url + "/", headers=listing, data=body)
    signer = SigV4Auth(Credentials(*server._keys), "sagemaker", "us-east-1")
    now = datetime.datetime.now(datetime.UTC)
    request.headers["X-Amz-Date"] = now.strftime("%Y%m%dT%H%M%SZ")
    for days in (-7, -1, 1):
        request.context["timestamp"] = (now + datetime.timedelta(days=days)).strftime("%Y%m%dT%H%M%SZ")
        scope = signer.credential_scope(request)
        canonical = signer.canonical_request(request)
        digest = signer.string_to_sign(request, canonical).rpartition("\n")[2]
        text = "\n".join(["AWS4-HMAC-SHA256", request.headers["X-Amz-Date"], scope, digest])
        names = signer.signed_headers(signer.headers_to_sign(request))
        headers = dict(request.headers) | {
            "Authorization": f"AWS4-HMAC-SHA256 Credential={server._keys[0]}/{scope}, SignedHeaders={names},"
            f" Signature={signer.signature(text, request)}"
        }
        attacker.refuses(f"a key of another day ({days})", "POST", "/", headers, body)
    for region in ("eu-west-1", "aws-global", "us-east-1/x"):
        headers = attacker.headers("sagemaker", "POST", "/", body, add=listing, region=region)
        attacker.refuses(f"signed for {region}", "POST", "/", headers, body)
    headers = attacker.headers("s3", "GET", "/bucket/shared", region="eu-west-1")
    attacker.refuses("S3 in another region", "GET", "/bucket/shared", headers)


def test_no_header_that_was_not_signed_says_what_is_done(attacker: Attacker) -> None:
    put = attacker.url("put_object", "new")
    more = [COPY, {"x-amz-meta-a": "b"}, {"x-amz-tagging": "a=b"}, {"x-amz-acl": "private"}, {"X-AMZ-Security-Token": "t"}]
    for headers in more:
        attacker.refuses(f"a presigned PUT with {headers}", "PUT", put, headers, b"")
        signed = attacker.headers("s3", "PUT", "/bucket/new")
        attacker.refuses(f"a signed PUT with {headers}", "PUT", "/bucket/new", signed | headers)
    for name in ("shared", "secret"):
        headers = {"x-amz-copy-source": f"/bucket/{name}", "Host": f"bucket.s3.localhost:{attacker.host.rpartition(':')[2]}"}
        attacker.refuses("a PUT to the bucket's own host", "PUT", put.replace("/bucket/new", "/new"), headers)
    part = attacker.url("upload_part", "new", UploadId="0", PartNumber=1)
    attacker.refuses("a part that is a copy", "PUT", part, COPY | {"x-amz-copy-source-range": "bytes=0-1"})
    trailer = {"x-amz-trailer": "x-amz-meta-a", "content-encoding": "aws-chunked", "x-amz-decoded-content-length": "1"}
    attacker.refuses("a trailer", "PUT", put, trailer, b"1\r\nx\r\n0\r\nx-amz-meta-a:b\r\n\r\n")
    path = "/endpoints/e/invocations"
    for name in ("X-Amzn-SageMaker-Target-Variant", "X-Amzn-SageMaker-Target-Model", "X-Amz-Target"):
        headers = attacker.headers("sagemaker", "POST", path, b"{}")
        attacker.refuses(f"an invocation with {name}", "POST", path, headers | {name: "SageMaker.ListModels"}, b"{}")


def test_a_url_does_no_other_thing_than_it_was_made_for(attacker: Attacker) -> None:
    part = attacker.url("upload_part", UploadId="0", PartNumber=1)
    status, _ = attacker.send("PUT", part, {"uploadId": "0", "partNumber": "1"}, b"evil")  # headers named as the URL's fields
    assert status == 404, "a part of an upload that is not there"
    untagged = attacker.url("get_object_tagging")
    status, answer = attacker.send("GET", untagged, {"tagging": "1"})
    assert status == 200 and b"<TagSet>" in answer
    for method in ("DELETE", "PUT", "POST"):
        attacker.refuses(f"a GET sent as {method}", method, attacker.url("get_object"), {}, b"evil")
        for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
            status, answer = attacker.send("GET", attacker.url("get_object"), {name: method})
            assert (status, answer) == (200, b"shared")
    attacker.unchanged("overridden methods")
    client = attacker.server.client("s3", signature_version="s3v4")
    listing = client.generate_presigned_url("list_objects_v2", Params={"Bucket": "bucket", "Prefix": "a+b"})
    assert "a%2Bb" in listing
    attacker.refuses("a plus sign that became a space", "GET", listing.replace("a%2Bb", "a+b"), {})


def test_a_url_of_version_2_is_no_weaker(attacker: Attacker) -> None:
    put, get = attacker.url("put_object", version="s3"), attacker.url("get_object", version="s3")
    for headers in (COPY, {"x-amz-meta-a": "b"}, {"x-amz-tagging": "a=b"}):
        attacker.refuses(f"with {headers}", "PUT", put, headers, b"")
    tags = b"<Tagging><TagSet></TagSet></Tagging>"
    for field in ("%74agging", "tagging", "x-amz-copy-source=/bucket/secret", "uploadId=1&partNumber=1", "legal-hold", "a=b"):
        attacker.refuses(f"with {field}", "PUT", f"{put}&{field}", {}, tags)
    attacker.refuses("other tags", "GET", f"{get}&%74agging", {})
    attacker.refuses("a line break in a header", "PUT", f"{put}&x-amz-meta-a=b%0Ax-amz-meta-c:d", {}, b"")


def test_what_clients_send_is_taken(server: LocalServer) -> None:
    holder = Attacker(server, server.root)
    taken = 0
    for version in ("s3v4", "s3"):
        digest = {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"} if version == "s3v4" else {}
        assert holder.send("GET", holder.url("get_object", version=version), digest) == (200, b"shared")
        client = server.client("s3", signature_version=version)
        listing = client.generate_presigned_url("list_objects_v2", Params={"Bucket": "bucket", "Prefix": "sha"})
        status, answer = holder.send("GET", listing, {})
        assert status == 200 and b"<Key>shared</Key>" in answer and b"secret" not in answer
        taken += 2
    for region in ("us-east-1", "aws-global"):
        for service, call in (("s3", "list_buckets"), ("iam", "list_roles"), ("sts", "get_caller_identity")):
            getattr(server.client(service, region=region), call)()
            taken += 1
    print(f"{taken} requests as clients send them: all taken")
