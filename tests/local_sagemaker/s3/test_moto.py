"""The same calls against moto and against us agree wherever moto is right; where it is not, DIFFERENCES says why."""

import datetime
import re
from collections.abc import Iterator
from typing import Any

import boto3
import moto
from botocore.exceptions import ClientError

from tests.support.local_server import LocalServer

Call = tuple[str, str, dict[str, Any]]

TRUST = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}'
PARTS = {"Parts": [{"PartNumber": 1, "ETag": "$etag1"}, {"PartNumber": 2, "ETag": "$etag2"}]}
DIGITS = b"0123456789"
LINE = [{"timestamp": "$now", "message": "x"}]
BIG = b"x" * (5 * 1024 * 1024)

S3_CALLS: list[Call] = [
    ("s3", "create_bucket", {"Bucket": "abc"}),
    ("s3", "create_bucket", {"Bucket": "other"}),
    ("s3", "head_bucket", {"Bucket": "abc"}),
    ("s3", "head_bucket", {"Bucket": "nothere"}),
    ("s3", "get_bucket_location", {"Bucket": "abc"}),
    ("s3", "list_buckets", {}),
    ("s3", "list_objects_v2", {"Bucket": "abc"}),
    ("s3", "list_objects_v2", {"Bucket": "nothere"}),
    ("s3", "get_object", {"Bucket": "nothere", "Key": "k"}),
    ("s3", "put_object", {"Bucket": "nothere", "Key": "k", "Body": b"1"}),
    (
        "s3",
        "put_object",
        {"Bucket": "abc", "Key": "a", "Body": b"0123456789", "Metadata": {"one": "1"}, "ContentType": "text/plain"},
    ),
    ("s3", "put_object", {"Bucket": "abc", "Key": "a/b", "Body": b""}),
    ("s3", "put_object", {"Bucket": "abc", "Key": "a/c/d", "Body": b"d", "CacheControl": "no-store", "ContentEncoding": "gzip"}),
    ("s3", "put_object", {"Bucket": "abc", "Key": "é ü+&<>\"'/ß", "Body": b"u"}),
    ("s3", "put_object", {"Bucket": "abc", "Key": "../escape", "Body": b"e"}),
    ("s3", "put_object", {"Bucket": "abc", "Key": "a", "Body": b"new", "IfNoneMatch": "*"}),
    ("s3", "put_object", {"Bucket": "abc", "Key": "s", "Body": b"s", "ChecksumAlgorithm": "SHA256"}),
    ("s3", "head_object", {"Bucket": "abc", "Key": "a"}),
    ("s3", "head_object", {"Bucket": "abc", "Key": "missing"}),
    ("s3", "head_object", {"Bucket": "abc", "Key": "s", "ChecksumMode": "ENABLED"}),
    ("s3", "get_object", {"Bucket": "abc", "Key": "a"}),
    ("s3", "get_object", {"Bucket": "abc", "Key": "missing"}),
    ("s3", "get_object", {"Bucket": "abc", "Key": "a/c/d"}),
    ("s3", "get_object", {"Bucket": "abc", "Key": "a", "Range": "bytes=2-4"}),
    ("s3", "get_object", {"Bucket": "abc", "Key": "a", "Range": "bytes=-3"}),
    ("s3", "get_object", {"Bucket": "abc", "Key": "a", "Range": "bytes=8-99"}),
    ("s3", "get_object", {"Bucket": "abc", "Key": "a", "Range": "bytes=99-"}),
    ("s3", "get_object", {"Bucket": "abc", "Key": "a", "IfMatch": '"nope"'}),
    ("s3", "get_object", {"Bucket": "abc", "Key": "a", "IfNoneMatch": '"781e5e245d69b566979b86e28d23f2c7"'}),
    ("s3", "get_object", {"Bucket": "abc", "Key": "a", "IfModifiedSince": datetime.datetime(2030, 1, 1)}),
    ("s3", "get_object", {"Bucket": "abc", "Key": "a", "IfUnmodifiedSince": datetime.datetime(2020, 1, 1)}),
    ("s3", "get_object", {"Bucket": "abc", "Key": "a", "ResponseContentType": "x/y"}),
    ("s3", "list_objects_v2", {"Bucket": "abc"}),
    ("s3", "list_objects_v2", {"Bucket": "abc", "Prefix": "a"}),
    ("s3", "list_objects_v2", {"Bucket": "abc", "Delimiter": "/"}),
    ("s3", "list_objects_v2", {"Bucket": "abc", "Prefix": "a/", "Delimiter": "/"}),
    ("s3", "list_objects_v2", {"Bucket": "abc", "StartAfter": "a/b"}),
    ("s3", "list_objects_v2", {"Bucket": "abc", "MaxKeys": 2}),
    ("s3", "list_objects_v2", {"Bucket": "abc", "MaxKeys": 0}),
    ("s3", "list_objects_v2", {"Bucket": "abc", "FetchOwner": False, "EncodingType": "url"}),
    ("s3", "list_objects", {"Bucket": "abc"}),
    ("s3", "list_objects", {"Bucket": "abc", "Marker": "a/b", "MaxKeys": 1}),
    ("s3", "list_objects", {"Bucket": "abc", "Delimiter": "/", "MaxKeys": 2}),
    ("s3", "copy_object", {"Bucket": "other", "Key": "copy", "CopySource": {"Bucket": "abc", "Key": "a"}}),
    ("s3", "copy_object", {"Bucket": "abc", "Key": "a", "CopySource": {"Bucket": "abc", "Key": "a"}}),
    ("s3", "copy_object", {"Bucket": "abc", "Key": "y", "CopySource": {"Bucket": "abc", "Key": "missing"}}),
    (
        "s3",
        "copy_object",
        {
            "Bucket": "other",
            "Key": "replaced",
            "CopySource": "abc/a",
            "MetadataDirective": "REPLACE",
            "Metadata": {"two": "2"},
            "ContentType": "a/b",
        },
    ),
    ("s3", "head_object", {"Bucket": "other", "Key": "copy"}),
    ("s3", "head_object", {"Bucket": "other", "Key": "replaced"}),
    ("s3", "put_object_tagging", {"Bucket": "abc", "Key": "a", "Tagging": {"TagSet": [{"Key": "k", "Value": "v"}]}}),
    ("s3", "get_object_tagging", {"Bucket": "abc", "Key": "a"}),
    ("s3", "delete_object_tagging", {"Bucket": "abc", "Key": "a"}),
    ("s3", "get_object_tagging", {"Bucket": "abc", "Key": "a"}),
    ("s3", "create_multipart_upload", {"Bucket": "abc", "Key": "big", "Metadata": {"m": "p"}}),
    ("s3", "upload_part", {"Bucket": "abc", "Key": "big", "UploadId": "$upload", "PartNumber": 1, "Body": BIG}),
    ("s3", "upload_part", {"Bucket": "abc", "Key": "big", "UploadId": "$upload", "PartNumber": 2, "Body": b"end"}),
    ("s3", "upload_part", {"Bucket": "abc", "Key": "big", "UploadId": "nope", "PartNumber": 2, "Body": b"end"}),
    ("s3", "list_parts", {"Bucket": "abc", "Key": "big", "UploadId": "$upload"}),
    ("s3", "list_multipart_uploads", {"Bucket": "abc"}),
    (
        "s3",
        "complete_multipart_upload",
        {
            "Bucket": "abc",
            "Key": "big",
            "UploadId": "$upload",
            "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": "0" * 32}]},
        },
    ),
    ("s3", "complete_multipart_upload", {"Bucket": "abc", "Key": "big", "UploadId": "$upload", "MultipartUpload": PARTS}),
    ("s3", "head_object", {"Bucket": "abc", "Key": "big"}),
    ("s3", "create_multipart_upload", {"Bucket": "abc", "Key": "gone"}),
    ("s3", "abort_multipart_upload", {"Bucket": "abc", "Key": "gone", "UploadId": "$upload"}),
    ("s3", "list_parts", {"Bucket": "abc", "Key": "gone", "UploadId": "$upload"}),
    ("s3", "delete_object", {"Bucket": "abc", "Key": "missing"}),
    ("s3", "delete_object", {"Bucket": "abc", "Key": "s"}),
    ("s3", "delete_objects", {"Bucket": "abc", "Delete": {"Objects": [{"Key": "a"}, {"Key": "never"}]}}),
    ("s3", "delete_objects", {"Bucket": "abc", "Delete": {"Objects": [{"Key": "a/b"}], "Quiet": True}}),
    ("s3", "delete_bucket", {"Bucket": "abc"}),
    ("s3", "put_object", {"Bucket": "abc", "Key": "z", "Body": b"z", "ContentMD5": "AAAAAAAAAAAAAAAAAAAAAA=="}),
    ("s3", "create_bucket", {"Bucket": "A_B"}),
    ("s3", "delete_bucket", {"Bucket": "nothere"}),
]

CONTROL_CALLS: list[Call] = [
    ("sts", "get_caller_identity", {}),
    ("iam", "create_role", {"RoleName": "r", "AssumeRolePolicyDocument": TRUST, "Description": "d"}),
    ("iam", "create_role", {"RoleName": "r", "AssumeRolePolicyDocument": TRUST}),
    ("iam", "get_role", {"RoleName": "r"}),
    ("iam", "get_role", {"RoleName": "nope"}),
    ("iam", "list_roles", {}),
    ("iam", "put_role_policy", {"RoleName": "r", "PolicyName": "p", "PolicyDocument": TRUST}),
    ("iam", "get_role_policy", {"RoleName": "r", "PolicyName": "p"}),
    ("iam", "get_role_policy", {"RoleName": "r", "PolicyName": "q"}),
    ("iam", "list_role_policies", {"RoleName": "r"}),
    ("iam", "delete_role", {"RoleName": "r"}),
    ("iam", "delete_role_policy", {"RoleName": "r", "PolicyName": "p"}),
    ("iam", "list_attached_role_policies", {"RoleName": "r"}),
    ("iam", "delete_role", {"RoleName": "r"}),
    ("iam", "delete_role", {"RoleName": "r"}),
    ("logs", "create_log_group", {"logGroupName": "/g"}),
    ("logs", "create_log_group", {"logGroupName": "/g"}),
    ("logs", "put_retention_policy", {"logGroupName": "/g", "retentionInDays": 7}),
    ("logs", "create_log_stream", {"logGroupName": "/g", "logStreamName": "s"}),
    ("logs", "create_log_stream", {"logGroupName": "/g", "logStreamName": "s"}),
    ("logs", "create_log_stream", {"logGroupName": "/nope", "logStreamName": "s"}),
    (
        "logs",
        "put_log_events",
        {
            "logGroupName": "/g",
            "logStreamName": "s",
            "logEvents": [{"timestamp": "$now", "message": "one"}, {"timestamp": "$now", "message": "two b"}],
        },
    ),
    (
        "logs",
        "put_log_events",
        {"logGroupName": "/g", "logStreamName": "no", "logEvents": LINE},
    ),
    ("logs", "describe_log_groups", {"logGroupNamePrefix": "/g"}),
    ("logs", "describe_log_streams", {"logGroupName": "/g"}),
    ("logs", "describe_log_streams", {"logGroupName": "/none"}),
    ("logs", "get_log_events", {"logGroupName": "/g", "logStreamName": "s", "startFromHead": True}),
    ("logs", "get_log_events", {"logGroupName": "/g", "logStreamName": "no"}),
    ("logs", "filter_log_events", {"logGroupName": "/g"}),
    ("logs", "filter_log_events", {"logGroupName": "/g", "filterPattern": "two"}),
    ("logs", "delete_log_stream", {"logGroupName": "/g", "logStreamName": "s"}),
    ("logs", "delete_log_group", {"logGroupName": "/g"}),
    ("logs", "delete_log_group", {"logGroupName": "/g"}),
]

VOLATILE = re.compile(
    r"LastModified|CreationDate|CreateDate|Initiated|UploadId|RoleId|eventId|ingestionTime|timestamp|firstEventTimestamp|lastEventTimestamp|creationTime|lastIngestionTime"
    r"|next\w*Token|Next\w*Token|NextMarker|uploadSequenceToken|Owner|Initiator|Location"
)
"""Members whose values are made up by each server: they must be there on both sides or be explained, and may differ."""

DIFFERENCES: dict[tuple[str, str], str] = {
    ("create_bucket", "status"): "moto takes the name A_B, which S3 refuses",
    ("create_bucket", "Error"): "the same",
    ("create_bucket", "Location"): "the same",
    ("put_object", "status"): "moto does not check Content-MD5",
    ("put_object", "Error"): "the same",
    ("put_object", "ETag"): "the same",
    ("put_object", "ChecksumCRC32"): "the same",
    ("*", "ChecksumType"): "moto does not know it; S3 sends it with each checksum",
    ("list_objects", "ChecksumAlgorithm"): "moto sends it in version 2 only",
    ("list_parts", "ChecksumCRC32"): "moto forgets the checksums of parts",
    ("head_bucket", "AccessPointAlias"): "moto leaves it out",
    ("list_buckets", "BucketRegion"): "moto leaves it out",
    ("list_objects_v2", "Owner"): "moto sends owners though FetchOwner is false",
    ("list_objects", "NextMarker"): "moto sends it without a delimiter, which S3 does not",
    ("list_objects", "Marker"): "moto does not repeat it",
    ("list_objects", "CommonPrefixes"): "moto does not count prefixes against MaxKeys",
    ("list_objects", "Contents"): "the same",
    ("list_objects", "IsTruncated"): "the same",
    ("upload_part", "status"): "moto fails with a KeyError for an unknown upload",
    ("upload_part", "Code"): "the same",
    ("upload_part", "Message"): "the same",
    ("complete_multipart_upload", "Message"): "moto's words are not S3's",
    ("complete_multipart_upload", "VersionId"): "moto sends null for a bucket without versions",
    ("delete_objects", "Deleted"): "moto lists what was deleted though it was asked to be quiet",
    ("get_caller_identity", "Arn"): "another user",
    ("get_caller_identity", "UserId"): "another user",
    ("get_role", "Message"): "moto's words are not IAM's",
    ("get_role_policy", "Message"): "moto's words are not IAM's",
    ("delete_role", "Message"): "moto's words are not IAM's",
    ("create_log_stream", "Message"): "moto says group where Logs says stream",
    ("get_log_events", "Message"): "moto says group where Logs says stream",
    ("describe_log_groups", "storedBytes"): "moto counts without the 26 bytes that Logs adds to each event",
    ("describe_log_streams", "storedBytes"): "AWS gives 0 since 2019",
    ("describe_log_groups", "logGroupClass"): "moto leaves it out",
    ("filter_log_events", "searchedLogStreams"): "AWS gives an empty list since 2019",
}
"""(call, member) where moto and we differ, and why. A line that explains nothing any more fails the test."""


def fill(value: Any, known: dict[str, Any]) -> Any:
    """The arguments of a call, with $names put in from the answers before it."""
    if isinstance(value, str) and value.startswith("$"):
        return known[value[1:]]
    if isinstance(value, dict):
        return {key: fill(item, known) for key, item in value.items()}
    return [fill(item, known) for item in value] if isinstance(value, list) else value


def play(client_of: Any, calls: list[Call]) -> list[dict[str, Any]]:
    """The answer to each call, errors included, as a tree."""
    known: dict[str, Any] = {"now": int(datetime.datetime.now(datetime.UTC).timestamp() * 1000)}
    clients: dict[str, Any] = {}
    answers = []
    for service, name, arguments in calls:
        if service not in clients:
            clients[service] = client_of(service)
        try:
            answer = getattr(clients[service], name)(**fill(arguments, known))
            answer["status"] = answer.pop("ResponseMetadata")["HTTPStatusCode"]
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            answer = {"status": status, "Error": {name: error.response["Error"].get(name) for name in ("Code", "Message")}}
        except KeyError as error:  # moto's own
            answer = {"status": 500, "Error": {"Code": "KeyError", "Message": str(error)}}
        if "Body" in answer:
            answer["Body"] = answer["Body"].read()
        known["upload"] = answer.get("UploadId", known.get("upload"))
        if name == "upload_part":
            known[f"etag{arguments['PartNumber']}"] = answer.get("ETag", known.get(f"etag{arguments['PartNumber']}"))
        answers.append(answer)
    return answers


def differences(ours: Any, theirs: Any, member: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(member, our value, their value) wherever two answers differ. An empty value and an absent one are the same."""
    if ours in ("", [], {}, None) and theirs in ("", [], {}, None):
        return
    if VOLATILE.fullmatch(member) and (ours is None) == (theirs is None):
        return
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name in {**ours, **theirs}:
            yield from differences(ours.get(name), theirs.get(name), name)
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for one, other in zip(ours, theirs, strict=True):
            yield from differences(one, other, member)
    elif isinstance(ours, str) and isinstance(theirs, str):
        if re.sub(r"\d{12}", "account", ours) != re.sub(r"\d{12}", "account", theirs):
            yield member, ours, theirs
    elif ours != theirs:
        yield member, ours, theirs


def test_the_same_calls_give_the_same_answers_as_moto(server: LocalServer) -> None:
    calls = S3_CALLS + CONTROL_CALLS
    server.s3.delete_bucket(Bucket="bucket")
    ours = play(server.client, calls)
    with moto.mock_aws():
        keys = {"region_name": "us-east-1", "aws_access_key_id": "a", "aws_secret_access_key": "b"}
        theirs = play(lambda service: boto3.client(service, **keys), calls)
    used, unexplained = set(), []
    for (_, name, arguments), our, their in zip(calls, ours, theirs, strict=True):
        for member, one, other in differences(our, their):
            reasons = {(name, member), ("*", member)} & DIFFERENCES.keys()
            used |= reasons
            if not reasons:
                unexplained.append(f"{name}({str(arguments)[:150]}) {member}: {one!r}, moto {other!r}")
    print(f"{len(calls)} calls compared, {len(DIFFERENCES)} differences, all explained")
    assert not unexplained, "\n".join(unexplained)
    assert used == DIFFERENCES.keys(), f"explains nothing: {DIFFERENCES.keys() - used}"
