"""Bodies and XML both ways: what botocore writes we read, what we write botocore reads.

Covers local_sagemaker.protocol.wire_json, local_sagemaker.protocol.wire_query, local_sagemaker.protocol.wire_xml,
local_sagemaker.protocol.wire_rest."""

import datetime
import json
from urllib.parse import urlencode

import pytest
from botocore import parsers, serialize
from hypothesis import given, settings
from hypothesis import strategies as st

from local_sagemaker.errors import AwsError
from local_sagemaker.protocol import wire_json, wire_query, wire_rest, wire_xml
from local_sagemaker.protocol.service_models import operation_model
from local_sagemaker.protocol.wire_rest import RestRequest
from local_sagemaker.s3.operations import OPERATIONS

TEXT = st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc")), max_size=30)
NOW = 1_700_000_000.25


def test_a_json_answer_is_what_botocore_reads() -> None:
    model = operation_model("sagemaker", "DescribeTrainingJob")
    reply = {"TrainingJobName": "é", "CreationTime": NOW, "HyperParameters": {"a": "b"}, "FailureReason": None}
    body = wire_json.render(model.output_shape, reply)
    parsed = parsers.create_parser("json").parse({"status_code": 200, "headers": {}, "body": body}, model.output_shape)
    assert parsed["TrainingJobName"] == "é" and "FailureReason" not in parsed
    assert parsed["CreationTime"].timestamp() == NOW


def test_an_answer_with_a_member_that_aws_does_not_have_is_our_bug() -> None:
    with pytest.raises(KeyError):
        wire_json.render(operation_model("sts", "GetCallerIdentity").output_shape, {"Surprise": 1})


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"1",
        b"{",
        b'{"a": NaN}',
        b'{"a": 1e999',
        b"\xff\xfe",
        b"[" * 100_000,
        b'"\\ud800',
        b'{"a": "\\ud800"}',
        b'{"\\udfff": 1}',
    ],
)
def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(AwsError, match="SerializationException"):
        wire_json.parse(body)


def test_a_json_error_is_read_by_botocore() -> None:
    error = AwsError("ModelError", "it said ü", 424, {"OriginalStatusCode": 500})
    assert json.loads(wire_json.render_error(error)) == {
        "__type": "ModelError",
        "message": "it said ü",
        "OriginalStatusCode": 500,
    }


@given(TEXT, st.lists(st.fixed_dictionaries({"Key": TEXT, "Value": TEXT}), max_size=4))
@settings(max_examples=60, deadline=None)
def test_a_query_request_from_botocore_is_read_back(text: str, tags: list) -> None:
    model = operation_model("iam", "CreateRole")
    given_ = {"RoleName": text, "AssumeRolePolicyDocument": "{}", "MaxSessionDuration": 7200, "Tags": tags}
    body = serialize.create_serializer("query", include_validation=False).serialize_to_request(given_, model)["body"]
    fields = wire_query.parse_form(urlencode(body).encode())
    assert wire_query.parse(model.input_shape, fields) == given_


@given(TEXT)
@settings(max_examples=60, deadline=None)
def test_a_query_answer_is_what_botocore_reads(text: str) -> None:
    model = operation_model("iam", "ListRolePolicies")
    body = wire_query.render(model, {"PolicyNames": [text, "b"], "IsTruncated": False, "Marker": None}, "id")
    parsed = parsers.create_parser("query").parse({"status_code": 200, "headers": {}, "body": body}, model.output_shape)
    assert parsed["PolicyNames"] == [text, "b"] and parsed["IsTruncated"] is False


@pytest.mark.parametrize(
    "body", [b"Tags.member.x=1", b"Tags.member.1.Key=a&Tags=b", b"\xff", b"&".join([b"a=b"] * 3000), b"a." * 50 + b"b=1"]
)
def test_a_malformed_form_is_refused(body: bytes) -> None:
    model = operation_model("iam", "CreateRole")
    with pytest.raises(AwsError, match="MalformedQueryString"):
        wire_query.parse(model.input_shape, wire_query.parse_form(body))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<a",
        b'<!DOCTYPE x [<!ENTITY e "boom">]><Delete><Object><Key>&e;</Key></Object></Delete>',
        b"<a>\x00</a>",
        b"\xff\xfe<",
    ],
)
def test_xml_with_entities_or_errors_is_refused(body: bytes) -> None:
    with pytest.raises(AwsError, match="MalformedXML"):
        wire_xml.parse_xml(body, operation_model("s3", "DeleteObjects").input_shape.members["Delete"])


def test_an_unknown_element_is_kept_for_the_check_to_name() -> None:
    shape = operation_model("s3", "DeleteObjects").input_shape.members["Delete"]
    assert wire_xml.parse_xml(b"<Delete><Object><Key>k</Key></Object><Odd/></Delete>", shape) == {
        "Objects": [{"Key": "k"}],
        "Odd": "",
    }


@given(TEXT)
@settings(max_examples=60, deadline=None)
def test_a_listing_is_what_botocore_reads(text: str) -> None:
    model = operation_model("s3", "ListObjectsV2")
    reply = {"Name": "b", "IsTruncated": True, "Contents": [{"Key": text, "Size": 3, "LastModified": NOW}], "CommonPrefixes": []}
    rendered = wire_rest.render(model, reply, 200)
    response = {"status_code": 200, "headers": rendered.headers, "body": rendered.body}
    parsed = parsers.create_parser("rest-xml").parse(response, model.output_shape)
    assert parsed["Contents"][0]["Key"] == text
    assert parsed["Contents"][0]["LastModified"] == datetime.datetime.fromtimestamp(NOW, datetime.UTC)


@pytest.mark.parametrize(
    ("method", "labels", "query", "headers", "name"),
    [
        ("GET", 0, {}, {}, "ListBuckets"),
        ("GET", 1, {}, {}, "ListObjects"),
        ("GET", 1, {"list-type": "2"}, {}, "ListObjectsV2"),
        ("GET", 1, {"versions": ""}, {}, "ListObjectVersions"),
        ("GET", 1, {"uploads": ""}, {}, "ListMultipartUploads"),
        ("GET", 2, {}, {}, "GetObject"),
        ("GET", 2, {"uploadId": "u"}, {}, "ListParts"),
        ("PUT", 2, {}, {}, "PutObject"),
        ("PUT", 2, {}, {"x-amz-copy-source": "a/b"}, "CopyObject"),
        ("PUT", 2, {"uploadId": "u", "partNumber": "1"}, {}, "UploadPart"),
        ("PUT", 2, {"uploadId": "u", "partNumber": "1"}, {"x-amz-copy-source": "a/b"}, "UploadPartCopy"),
        ("POST", 2, {"uploadId": "u"}, {}, "CompleteMultipartUpload"),
        ("POST", 1, {"delete": ""}, {}, "DeleteObjects"),
        ("PUT", 2, {"acl": ""}, {}, "PutObjectAcl"),
        ("DELETE", 1, {}, {}, "DeleteBucket"),
    ],
)
def test_a_request_finds_its_operation(method: str, labels: int, query: dict, headers: dict, name: str) -> None:
    values = dict([("Bucket", "b"), ("Key", "k")][:labels])
    assert wire_rest.route(RestRequest(method, values, query, headers), OPERATIONS) == name


def test_what_a_rest_operation_does_not_know_is_refused_by_name() -> None:
    model, labels = operation_model("s3", "GetObject"), {"Bucket": "b", "Key": "k"}
    with pytest.raises(AwsError, match="'surprise' is not known"):
        wire_rest.parse(model, RestRequest("GET", labels, {"surprise": ""}, {}), b"")
    with pytest.raises(AwsError, match="x-amz-surprise"):
        wire_rest.parse(model, RestRequest("GET", labels, {}, {"x-amz-surprise": "1"}), b"")
