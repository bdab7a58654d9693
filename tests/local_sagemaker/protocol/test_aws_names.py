"""Which of AWS's host names this server answers for."""

import pytest

from local_sagemaker.errors import AwsError
from local_sagemaker.protocol import aws_names
from local_sagemaker.protocol.authentication import bucket_of_host


@pytest.mark.parametrize(
    "host",
    ["sts.amazonaws.com", "sts.us-east-1.amazonaws.com", "api.sagemaker.eu-west-3.amazonaws.com:443", "iam.amazonaws.com"],
)
def test_apis(host: str) -> None:
    assert aws_names.is_api(host) and bucket_of_host(host) == "" == aws_names.bucket_of(host)


@pytest.mark.parametrize(
    ("host", "bucket"),
    [
        ("bucket.s3.amazonaws.com", "bucket"),
        ("a.bucket.s3.us-east-1.amazonaws.com:443", "a.bucket"),
        ("bucket.s3-us-west-1.amazonaws.com", "bucket"),
        ("sts.s3.amazonaws.com", "sts"),
    ],
)
def test_buckets(host: str, bucket: str) -> None:
    assert aws_names.bucket_of(host) == bucket == bucket_of_host(host) and not aws_names.is_api(host)


@pytest.mark.parametrize(
    "host",
    [
        "s3.us-east-1.amazonaws.com",
        "s3-us-west-1.amazonaws.com",
        "sts.amazonaws.com.example.com",
        "evil-sts.amazonaws.com",
        "sts.us-east-1.amazonaws.com:80",
        "a.s3.us.east.amazonaws.com",
        "ec2.us-east-1.amazonaws.com",
        "amazonaws.com",
        "",
    ],
)
def test_everything_else_is_not_ours(host: str) -> None:
    assert not aws_names.is_api(host) and not aws_names.bucket_of(host)
    with pytest.raises(AwsError, match="does not name this server"):
        bucket_of_host(host)
