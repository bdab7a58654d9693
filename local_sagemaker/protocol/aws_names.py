"""The host names by which AWS's own endpoints are called, as far as this server answers in their place.

They are those that botocore's endpoint rules make of the services here: of every partition, with FIPS, dual-stack and
acceleration or without. A test asks the rules for all of them.
"""

import re

DOMAINS = (
    "amazonaws.com",
    "api.aws",
    "amazonaws.com.cn",
    "api.amazonwebservices.com.cn",
    "amazonaws.eu",
    "api.amazonwebservices.eu",
    "c2s.ic.gov",
    "api.aws.ic.gov",
    "sc2s.sgov.gov",
    "api.aws.scloud",
    "cloud.adc-e.uk",
    "api.cloud-aws.adc-e.uk",
    "csp.hci.ic.gov",
    "api.aws.hci.ic.gov",
)
"""What AWS's names end in: two for each partition, and the second is for IPv6."""
TELEMETRY = "sm-pysdk-t-"
"""How the buckets begin that the SageMaker SDK reports its use to."""
_REGION = r"(?:[a-z]{2,4}(?:-[a-z]+)+-\d{1,2}|aws-(?:[a-z]+-)*global)"
_REST = r"\.?(?::443)?"
_END = rf"\.(?:{'|'.join(map(re.escape, DOMAINS))}){_REST}"
_SERVICE = r"(?:sts|iam|logs|monitoring|application-autoscaling|(?:api\.)?ecr|(?:api|runtime)(?:-fips)?\.sagemaker)(?:-fips)?"
_S3 = rf"s3(?:-fips|-accelerate|express(?:-fips)?-[a-z0-9-]+)?(?:\.dualstack)?(?:[.-]{_REGION})?{_END}"
_API = re.compile(rf"{_SERVICE}(?:\.(?:{_REGION}|global|us-gov))?{_END}")
_BUCKET = re.compile(rf"([a-z0-9][a-z0-9.-]*)\.{_S3}")
_NO_BUCKET = re.compile(_S3)
_PUBLIC = re.compile(rf"s3(?:[.-](?!us-gov|aws-){_REGION})?\.amazonaws\.com{_REST}")


def is_api(host: str) -> bool:
    """Whether a host is an API's that this server has; with the port of HTTPS or without one."""
    return _API.fullmatch(host) is not None


def bucket_of(host: str) -> str:
    """The bucket of a name such as BUCKET.s3.us-east-1.amazonaws.com, or an empty text."""
    found = _BUCKET.fullmatch(host)
    return found[1] if found else ""


def is_ambiguous(host: str) -> bool:
    """Whether a host is S3's own without a bucket, of which only the path would tell whether it is here, and none of the two
    forms by which public data sets are opened: s3.amazonaws.com and s3.REGION.amazonaws.com."""
    return _NO_BUCKET.fullmatch(host) is not None and _PUBLIC.fullmatch(host) is None
