"""The host names by which AWS's own endpoints are called, as far as this server answers in their place."""

import re

_REGION = r"[a-z]{2}(?:-[a-z]+)+-\d{1,2}"
_END = r"\.amazonaws\.com(?::443)?"
_API = re.compile(rf"(?:sts|iam|logs|monitoring|api\.sagemaker|runtime\.sagemaker|api\.ecr)(?:\.{_REGION})?{_END}")
_BUCKET = re.compile(rf"([a-z0-9][a-z0-9.-]*)\.s3(?:[.-]{_REGION})?{_END}")
TELEMETRY = "sm-pysdk-t-"
"""How the buckets begin that the SageMaker SDK reports its use to."""


def is_api(host: str) -> bool:
    """Whether a host is an API's that this server has; with the port of HTTPS or without one."""
    return _API.fullmatch(host) is not None


def bucket_of(host: str) -> str:
    """The bucket of a name such as BUCKET.s3.us-east-1.amazonaws.com, or an empty text."""
    found = _BUCKET.fullmatch(host)
    return found[1] if found else ""
