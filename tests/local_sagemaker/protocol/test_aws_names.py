"""Which of AWS's host names this server answers for."""

import pytest

from local_sagemaker.errors import AwsError
from local_sagemaker.protocol import aws_names
from local_sagemaker.protocol.authentication import bucket_of_host
from tests.support.aws_endpoints import PARTITIONS, SERVICES, names_of


@pytest.mark.parametrize("service", [service for service in SERVICES if service != "s3"])
def test_every_name_that_botocore_has_for_an_api_is_ours(service: str) -> None:
    names = {*names_of(service), *(names_of(service, UseGlobalEndpoint=True) if service == "sts" else ())}
    assert len(names) > 20
    for host in names:
        assert aws_names.is_api(host) and aws_names.is_api(f"{host}.") and bucket_of_host(f"{host}.") == "", host
        assert host.endswith(tuple(f".{domain}" for domain in aws_names.DOMAINS)), host


def test_every_name_that_botocore_has_for_a_bucket_is_ours() -> None:
    for bucket in ("bucket", "s3-a", "x--use1-az4--x-s3"):
        names = {*names_of("s3", Bucket=bucket), *names_of("s3", Bucket=bucket, UseGlobalEndpoint=True)}
        if "--" not in bucket:
            names |= {*names_of("s3", Bucket=bucket, Accelerate=True)}
        assert len(names) > 60
        for host in names:
            assert aws_names.bucket_of(host) == bucket == aws_names.bucket_of(f"{host}.") == bucket_of_host(f"{host}:443"), host
            assert not aws_names.is_ambiguous(host), host


def test_s3s_own_names_are_public_datas_or_ambiguous() -> None:
    names = {*names_of("s3"), *names_of("s3", UseGlobalEndpoint=True)}
    public = {host for host in names if not aws_names.is_ambiguous(host)}
    assert {"s3.amazonaws.com", "s3.us-east-1.amazonaws.com"} < public
    assert public == {host for host in names if host.endswith(".amazonaws.com") and set(host.split(".")) <= {
        "s3", "amazonaws", "com", *(region for region in PARTITIONS["partitions"][0]["regions"])}}  # fmt: skip
    assert not any(map(aws_names.bucket_of, names)) and not any(map(aws_names.is_api, names))
    for host in ("s3.dualstack.us-east-1.amazonaws.com.", "s3.cn-north-1.amazonaws.com.cn", "s3.us-gov-west-1.amazonaws.com"):
        assert aws_names.is_ambiguous(host)


def test_the_domains_are_botocores() -> None:
    outputs = [partition["outputs"] for partition in PARTITIONS["partitions"]]
    assert set(aws_names.DOMAINS) == {one[which] for one in outputs for which in ("dnsSuffix", "dualStackDnsSuffix")}


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
        "sts.us-east-1.amazonaws.com..",
        "sts.us-east-1.aws",
        "ap-123456789012.s3-accesspoint.us-east-1.amazonaws.com",
        "bucket.s3-website-us-east-1.amazonaws.com",
        "example.com.",
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
