"""Whatever is in a request's head or body, the parsers of the protocols read it or raise AwsError with a 4xx, in little time."""

import time
from urllib.parse import quote, urlsplit

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import example, given
from hypothesis import strategies as st

from local_sagemaker.errors import AwsError
from local_sagemaker.protocol import wire_json, wire_query, wire_rest, wire_xml
from local_sagemaker.protocol.authentication import bucket_of_host, check_scope, service_of
from local_sagemaker.protocol.service_models import operation_model
from local_sagemaker.protocol.signature import Signed, read_claim, verify
from local_sagemaker.protocol.validation import check
from local_sagemaker.s3.operations import OPERATIONS as S3
from local_sagemaker.services import OPERATIONS
from tests.support.fuzzing import bounded, fuzzed, json_values, mutated

KEYS = ("LOCALKEY", "secret")
WIRE = st.text(st.characters(codec="utf-8") | st.sampled_from("\udc80\udcff"), max_size=12)
"""What a header or a path may hold: bytes that are no UTF-8 come as surrogates."""


def refused_or(call) -> object:
    """What a call returns; None where it raises AwsError, whose status has to be the client's fault or a refusal by name."""
    try:
        return bounded(call)
    except AwsError as error:
        assert 400 <= error.status < 500 or error.status == 501, error
        wire_json.render_error(error)
        wire_query.render_error(error, "id")
        wire_rest.render_error(error, "/x", "id")
        return None


def signed(service: str, method: str, url: str, body: bytes, in_query: bool) -> Signed:
    """A request as botocore signs it and a server reads it."""
    headers = {"X-Amz-Target": "SageMaker.ListModels"} if service == "sagemaker" else {}
    request = AWSRequest(method, url, headers=headers, data=body)
    kind = S3SigV4QueryAuth if in_query else S3SigV4Auth if service == "s3" else SigV4Auth
    kind(Credentials(*KEYS), service, "us-east-1").add_auth(request)
    parts = urlsplit(request.url)
    headers = {name.lower(): value for name, value in request.headers.items()} | {"host": parts.netloc}
    return Signed(method, parts.path, parts.query, headers)


def prove(request: Signed) -> bool:
    """Everything that is done to a head before anything else. Raises AwsError."""
    bucket_of_host(request.headers.get("host", ""))
    claim = read_claim(request)
    check_scope(request, claim, service_of(request, claim), "us-east-1")
    verify(request, claim, "0" * 64, *KEYS, time.time())
    return True


GOOD = [
    signed("s3", "GET", "http://127.0.0.1:1/bucket/key", b"", False),
    signed("s3", "PUT", "http://127.0.0.1:1/bucket/a%20b", b"", True),
    signed("sagemaker", "POST", "http://127.0.0.1:1/", b"{}", False),
]
OLD = Signed("GET", "/bucket/key", "AWSAccessKeyId=LOCALKEY&Expires=9999999999&Signature=x", {"host": "127.0.0.1:1"})


HEADERS = st.sampled_from(["authorization", "x-amz-date", "host", "x-amz-target", "x-amz-content-sha256", "x-amz-new"])
FIELDS = st.sampled_from(["X-Amz-Date", "X-Amz-Expires", "X-Amz-Credential", "Expires", "Signature", "response-expires"])


@st.composite
def spoilt(draw: st.DrawFn) -> Signed:
    """A signed request with something in it changed."""
    request = draw(st.sampled_from([*GOOD, OLD]))
    headers, path, query = dict(request.headers), request.path, request.query
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(["header", "inside", "query", "path", "field"]))
        if place == "header":
            headers[draw(HEADERS)] = draw(WIRE)
        elif place == "inside" and "authorization" in headers:
            text = headers["authorization"]
            at = draw(st.integers(0, len(text)))
            headers["authorization"] = text[:at] + draw(WIRE) + text[at + draw(st.integers(0, 4)) :]
        elif place == "query":
            at = draw(st.integers(0, len(query)))
            query = query[:at] + draw(WIRE) + query[at + draw(st.integers(0, 4)) :]
        elif place == "field":
            query += f"&{draw(FIELDS)}={quote(draw(WIRE), errors='replace')}"
        else:
            path += draw(WIRE)
    return Signed(request.method, path, query, headers)


def with_header(name: str, old: str, new: str) -> Signed:
    return Signed(GOOD[0].method, GOOD[0].path, GOOD[0].query, GOOD[0].headers | {name: GOOD[0].headers[name].replace(old, new)})


@fuzzed(80)
@given(spoilt())
@example(with_header("authorization", "LOCALKEY", "\udcff"))
@example(with_header("authorization", "us-east-1", "us-e\udcff-1"))
@example(Signed("GET", "/bucket/key", OLD.query.replace("LOCALKEY", "\udcff"), OLD.headers))
@example(Signed("GET", "/bucket/key", OLD.query.replace("Signature=x", "Signature=\udcff"), OLD.headers))
@example(Signed("GET", "/bucket/k\udcff", OLD.query, OLD.headers))
@example(Signed("GET", "/bucket/key", OLD.query.replace("9999999999", "999999999999"), OLD.headers))
def test_a_signed_request_that_was_changed_is_refused(request: Signed) -> None:
    refused_or(lambda: prove(request))


@fuzzed(40)
@given(st.dictionaries(st.sampled_from(["authorization", "host", "x-amz-date", "x-amz-target"]), WIRE), WIRE, WIRE)
def test_any_head_is_refused(headers: dict[str, str], path: str, query: str) -> None:
    assert refused_or(lambda: prove(Signed("GET", f"/{path}", query, headers))) is None


@fuzzed(40)
@given(st.sampled_from([(service, name) for service in ("sagemaker", "ecr", "logs") for name in OPERATIONS[service]]), st.data())
def test_any_json_body_is_members_or_refused(operation: tuple[str, str], data: st.DataObject) -> None:
    shape = operation_model(*operation).input_shape
    names = st.sampled_from(sorted(shape.members) or ["X"])
    members = data.draw(st.one_of(st.dictionaries(names, json_values(8), max_size=4), json_values()))
    body = wire_json.json.dumps(members).encode()
    refused_or(lambda: check(shape, wire_json.parse(body)))


@fuzzed(80)
@given(
    mutated([b'{"TrainingJobName": "a", "HyperParameters": {"b": "c"}, "Tags": [{"Key": "\\ud800"}]}', b"[" * 40, b"9" * 5000])
)
@example(b"[" * 100_000)
@example(b'{"a":' * 100_000)
def test_any_bytes_are_json_or_refused(body: bytes) -> None:
    shape = operation_model("sagemaker", "CreateTrainingJob").input_shape
    refused_or(lambda: check(shape, wire_json.parse(body)))


@fuzzed(50)
@given(
    st.sampled_from([(service, name) for service in ("iam", "sts") for name in OPERATIONS[service]]),
    st.dictionaries(
        st.one_of(
            st.sampled_from(
                ["Action", "Version", "RoleName", "Tags", "Tags.member.1.Key", "Tags.member.1", "ActionNames.member.9"]
            ),
            st.from_regex(r"[A-Za-z]{1,6}(\.(member|entry|key|[0-9²٣]{1,3})){0,5}", fullmatch=True),
        ),
        st.text(max_size=8),
        max_size=6,
    ),
)
@example(("iam", "CreateRole"), {"Tags.member.²": "x"})
@example(("iam", "CreateRole"), {"Tags": "x", "Tags.member.1.Key": "x"})
@example(("iam", "CreateRole"), {"Tags.member.1": "x", "Tags.member.01": "x"})
@example(("iam", "CreateRole"), {"Tags.member." + "1" * 5000: "x"})
@example(("iam", "ListRoles"), {"MaxItems": "1" * 5000})
def test_any_form_is_members_or_refused(operation: tuple[str, str], fields: dict[str, str]) -> None:
    shape = operation_model(*operation).input_shape
    body = "&".join(f"{quote(name)}={quote(value)}" for name, value in fields.items()).encode()
    refused_or(lambda: shape and check(shape, wire_query.parse(shape, wire_query.parse_form(body))))


XML = [
    b'<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Quiet>true</Quiet><Object><Key>a</Key></Object></Delete>',
    b"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>x</ETag></Part></CompleteMultipartUpload>",
    b"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>",
    b'<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;">]><Delete><Object><Key>&c;</Key></Object></Delete>',
    b"<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>",
]
WITH_XML = {"DeleteObjects": "Delete", "CompleteMultipartUpload": "MultipartUpload", "PutObjectTagging": "Tagging"}
ENTITIES = b"".join(b'<!ENTITY e%d "%s">' % (n, b"&e%d;" % (n - 1) * 20 if n else b"ha") for n in range(12))
LAUGHS = b"<!DOCTYPE a [" + ENTITIES + b"]><Delete>&e11;</Delete>"
S3_FIELDS = ["uploads", "uploadId", "partNumber", "list-type", "max-keys", "delete", "tagging"]
S3_HEADERS = ["range", "if-match", "if-modified-since", "x-amz-copy-source", "expires", "x-amz-tagging", "x-amz-x"]


@fuzzed(50)
@given(st.sampled_from(sorted(set(WITH_XML) & set(S3))), mutated(XML))
@example("DeleteObjects", LAUGHS)
@example("DeleteObjects", b"<a>" * 50_000)
@example("DeleteObjects", b'<!DOCTYPE a SYSTEM "file:///etc/hostname"><Delete/>')
@example("CompleteMultipartUpload", XML[1].replace(b">1<", b">" + b"1" * 5000 + b"<"))
def test_any_xml_body_is_members_or_refused(name: str, body: bytes) -> None:
    model = operation_model("s3", name)
    request = wire_rest.RestRequest("POST", {"Bucket": "bucket", "Key": "k"}, {"uploadId": "x"}, {})
    refused_or(lambda: check(model.input_shape, wire_rest.parse(model, request, body)))


@fuzzed(50)
@given(
    st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD", "PATCH"]),
    st.booleans(),
    st.dictionaries(
        st.one_of(
            st.sampled_from(S3_FIELDS),
            st.text(max_size=5),
        ),
        st.text(max_size=8),
        max_size=4,
    ),
    st.dictionaries(
        st.sampled_from(S3_HEADERS),
        WIRE,
        max_size=3,
    ),
)
@example("GET", True, {}, {"if-modified-since": "Mon, 1 Jan 99999999999 00:00:00 GMT"})
@example("GET", True, {}, {"if-modified-since": "Mon, 01 Jan 0000 00:00:00 +9999999999"})
@example("GET", False, {"max-keys": "1" * 5000}, {})
def test_any_rest_request_is_an_operation_or_refused(
    method: str, key: bool, query: dict[str, str], headers: dict[str, str]
) -> None:
    labels = {"Bucket": "bucket"} | ({"Key": "k"} if key else {})
    request = wire_rest.RestRequest(method, labels, query, headers)

    def read() -> None:
        model = operation_model("s3", wire_rest.route(request, S3))
        check(model.input_shape, wire_rest.parse(model, request, b""))

    refused_or(read)


@fuzzed(30)
@given(st.text(max_size=30))
def test_text_that_is_written_as_xml_is_read_back(text: str) -> None:
    shape = operation_model("s3", "DeleteObjects").input_shape.members["Delete"]
    parts: list[str] = []
    wire_xml.render_element(shape, {"Objects": [{"Key": text}]}, "Delete", parts)
    found = refused_or(lambda: wire_xml.parse_xml("".join(parts).encode(), shape))
    if found is not None:  # XML cannot say every character
        assert found["Objects"][0]["Key"] == text.replace("\r\n", "\n") or "\r" in text
