"""Signatures made by botocore are proved, and anything changed in a signed request is not; guard.py's Host rule."""

import datetime
import hashlib
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from local_sagemaker.errors import AwsError
from local_sagemaker.protocol.authentication import bucket_of_host, check_scope, protocol_error, service_of
from local_sagemaker.protocol.signature import SKEW, Signed, read_claim, verify

KEY, SECRET = "LOCALKEY", "secret/+="
QUERIES = st.dictionaries(st.text("abXé &=+", min_size=1, max_size=4), st.text(max_size=6), max_size=3)
CREDENTIALS = Credentials(KEY, SECRET)


def as_signed(request: AWSRequest) -> Signed:
    split = urlsplit(request.url)
    headers = {name.lower(): value for name, value in request.headers.items()} | {"host": split.netloc}
    return Signed(request.method, split.path, split.query, headers)


def moment(signed: Signed) -> float:
    text = signed.headers.get("x-amz-date") or parse_qs(signed.query)["X-Amz-Date"][0]
    return datetime.datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC).timestamp()


def prove(signed: Signed, body: bytes = b"", later: float = 0, secret: str = SECRET) -> None:
    verify(signed, read_claim(signed), hashlib.sha256(body).hexdigest(), KEY, secret, moment(signed) + later)


@given(st.text(max_size=20), QUERIES, st.binary())
@settings(max_examples=80, deadline=None)
def test_what_botocore_signs_for_s3_is_proved(key: str, query: dict, body: bytes) -> None:
    text = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query.items())
    url = f"http://127.0.0.1:9/bucket/{quote(key, safe='/~')}" + (f"?{text}" if text else "")
    request = AWSRequest("PUT", url, headers={"x-amz-meta-a": " two  words "}, data=body)
    S3SigV4Auth(CREDENTIALS, "s3", "us-east-1").add_auth(request)
    prove(as_signed(request), body)


def json_request(url: str = "http://127.0.0.1:9/") -> AWSRequest:
    request = AWSRequest("POST", url, headers={"X-Amz-Target": "SageMaker.ListModels"}, data=b"{}")
    SigV4Auth(CREDENTIALS, "sagemaker", "us-east-1").add_auth(request)
    return request


def test_what_botocore_signs_for_json_is_proved_with_its_body() -> None:
    signed = as_signed(json_request("http://127.0.0.1:9/endpoints/a%20b/invocations"))
    prove(signed, b"{}")
    with pytest.raises(AwsError, match="SignatureDoesNotMatch"):
        prove(signed, b"{ }")


@pytest.mark.parametrize(
    "change",
    [
        {"method": "GET"},
        {"path": "/other"},
        {"query": "a=b"},
        {"headers": {"x-amz-target": "SageMaker.DeleteModel"}},
        {"headers": {"host": "127.0.0.1:10"}},
    ],
)
def test_a_changed_request_is_refused(change: dict) -> None:
    signed = as_signed(json_request())
    values = {name: getattr(signed, name) for name in ("method", "path", "query", "headers")}
    values["headers"] = {**values["headers"], **change.pop("headers", {})}
    with pytest.raises(AwsError) as caught:
        prove(Signed(**{**values, **change}), b"{}")
    assert (caught.value.code, caught.value.status) == ("SignatureDoesNotMatch", 403)


@pytest.mark.parametrize(("later", "code"), [(SKEW + 1, "RequestTimeTooSkewed"), (-SKEW - 1, "RequestTimeTooSkewed")])
def test_an_old_or_a_future_request_is_refused(later: float, code: str) -> None:
    with pytest.raises(AwsError, match=code):
        prove(as_signed(json_request()), b"{}", later)


def test_another_key_or_secret_is_refused() -> None:
    signed = as_signed(json_request())
    with pytest.raises(AwsError, match="SignatureDoesNotMatch"):
        prove(signed, b"{}", secret="guess")
    with pytest.raises(AwsError, match="InvalidAccessKeyId"):
        verify(signed, read_claim(signed), "", "OTHER", SECRET, moment(signed))


def test_a_presigned_url_holds_until_it_expires() -> None:
    request = AWSRequest("GET", "http://127.0.0.1:9/bucket/k%20ey")
    S3SigV4QueryAuth(CREDENTIALS, "s3", "us-east-1", expires=60).add_auth(request)
    signed = as_signed(request)
    prove(signed, later=59)
    with pytest.raises(AwsError, match="Request has expired"):
        prove(signed, later=61)
    with pytest.raises(AwsError, match="SignatureDoesNotMatch"):
        prove(Signed("GET", signed.path, signed.query.replace("Expires=60", "Expires=6000"), signed.headers))


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({}, ""),
        ({"authorization": "Basic abc"}, ""),
        ({"authorization": "AWS4-HMAC-SHA256 Credential=a, SignedHeaders=host, Signature=" + "0" * 64}, ""),
        ({"authorization": "AWS4-HMAC-SHA256 Credential=a/b/c/s3/aws4_request, SignedHeaders=host, Signature=" + "0" * 64}, ""),
        ({}, "X-Amz-Signature=0"),
        ({}, "Signature=0&AWSAccessKeyId=a&Expires=x"),
    ],
)
def test_what_is_no_signature_is_refused_with_403(headers: dict, query: str) -> None:
    with pytest.raises(AwsError) as caught:
        read_claim(Signed("GET", "/", query, headers))
    assert caught.value.status == 403


@pytest.mark.parametrize(
    ("host", "bucket"),
    [
        ("127.0.0.1:80", ""),
        ("localhost", ""),
        ("s3.localhost:1", ""),
        ("a.b-c.s3.localhost:1", "a.b-c"),
        ("abc.localhost", "abc"),
    ],
)
def test_hosts_that_are_ours(host: str, bucket: str) -> None:
    assert bucket_of_host(host) == bucket


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil",
        "0.0.0.0",
        "[::1]",
        "127.0.0.1:80:80",
        "a@localhost",
        "localhost.",
    ],
)
def test_hosts_that_are_not_ours(host: str) -> None:
    with pytest.raises(AwsError) as caught:
        bucket_of_host(host)
    assert caught.value.status == 403


@pytest.mark.parametrize(
    ("service", "scoped", "server", "taken"),
    [
        ("sagemaker", "eu-west-1", "eu-west-1", True),
        ("sagemaker", "us-east-1", "eu-west-1", False),
        ("sagemaker", "aws-global", "us-east-1", False),
        ("iam", "us-east-1", "eu-west-1", True),
        ("sts", "aws-global", "eu-west-1", True),
        ("s3", "us-east-1", "eu-west-1", True),
        ("s3", "eu-west-1", "us-east-1", False),
    ],
)
def test_the_region_is_the_servers_or_that_of_a_service_of_all_regions(
    service: str, scoped: str, server: str, taken: bool
) -> None:
    request = AWSRequest("POST", "http://127.0.0.1:9/", data=b"x")
    (S3SigV4Auth if service == "s3" else SigV4Auth)(CREDENTIALS, service, scoped).add_auth(request)
    signed = as_signed(request)
    claim = read_claim(signed)
    by = "sagemaker" if service == "sagemaker" else service_of(signed, claim)
    if taken:
        check_scope(signed, claim, by, server)
    else:
        with pytest.raises(AwsError, match=server) as caught:
            check_scope(signed, claim, by, server)
        assert (caught.value.status, caught.value.fields) == (403, {"Region": server})


def test_each_protocol_has_its_own_word_for_a_wrong_key() -> None:
    error = AwsError("InvalidAccessKeyId", "m", 403)
    words = {protocol: protocol_error(protocol, error).code for protocol in ("json", "query", "s3")}
    assert words == {"json": "UnrecognizedClientException", "query": "InvalidClientTokenId", "s3": "InvalidAccessKeyId"}


def test_the_last_moment_of_each_limit_is_still_in_time() -> None:
    """A header's 15 minutes either way, a URL's own life, and the week that a URL may live at most."""
    signed = as_signed(json_request())
    for later in (SKEW, -SKEW):
        prove(signed, b"{}", later)
    for life in (1, 7 * 24 * 3600):
        request = AWSRequest("GET", "http://127.0.0.1:9/bucket/key")
        S3SigV4QueryAuth(CREDENTIALS, "s3", "us-east-1", expires=life).add_auth(request)
        url = as_signed(request)
        prove(url, later=life)
        with pytest.raises(AwsError, match="Request has expired"):
            prove(url, later=life + 1)
        prove(url, later=-SKEW)
        with pytest.raises(AwsError, match="not yet valid"):
            prove(url, later=-SKEW - 1)
    request = AWSRequest("GET", "http://127.0.0.1:9/bucket/key")
    S3SigV4QueryAuth(CREDENTIALS, "s3", "us-east-1", expires=7 * 24 * 3600 + 1).add_auth(request)
    with pytest.raises(AwsError, match="less than a week"):
        read_claim(as_signed(request))
