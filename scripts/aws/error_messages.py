"""An error of botocore or the system is told in one line: what failed, which value, what to do. A key is never in it."""

import re
from collections.abc import Mapping

from botocore import exceptions

from scripts.aws.secrets import hide
from scripts.errors import LaunchError

_ADVICE: Mapping[str, str] = {
    "ExpiredToken": "the credentials have expired; sign in again (aws sso login, or new keys)",
    "ExpiredTokenException": "the credentials have expired; sign in again (aws sso login, or new keys)",
    "RequestExpired": "the credentials or this machine's clock are out of date; sign in again, check the clock",
    "InvalidClientTokenId": "AWS does not know these credentials; check AWS_PROFILE, or sign in again",
    "UnrecognizedClientException": "AWS does not know these credentials; check AWS_PROFILE, or sign in again",
    "InvalidAccessKeyId": "the server does not know this key; unset AWS_ENDPOINT_URL, or sign in again",
    "SignatureDoesNotMatch": "the secret key does not belong to the key id; sign in again",
    "AccessDenied": "these credentials may not do this; kennel policies prints what is needed",
    "AccessDeniedException": "these credentials may not do this; kennel policies prints what is needed",
    "NoSuchBucket": "make the bucket first, or give another with --bucket",
    "404": "make it first, or give another name",
    "ThrottlingException": "the service is busy; nothing was lost, run the same command again in a minute",
    "Throttling": "the service is busy; nothing was lost, run the same command again in a minute",
    "TooManyRequestsException": "the service is busy; nothing was lost, run the same command again in a minute",
    "SlowDown": "S3 is busy; nothing was lost, run the same command again in a minute",
    "ServiceUnavailable": "the service is not available; run the same command again in a minute",
    "ResourceLimitExceeded": "ask for a higher quota (Service Quotas), or use another instance type",
    "ModelError": "the container refused it; kennel logs NAME shows what it printed",
}
_CREDENTIALS = (exceptions.NoCredentialsError, exceptions.PartialCredentialsError, exceptions.CredentialRetrievalError)
_PLACES = {
    "no s3 objects": "data-name and bucket, or upload first (kennel data, kennel weights)",
    "trainingimage": "train-image",
    "image": "train-image or serve-image",
    "bucket": "bucket",
    "instance": "train-instance or serve-instance",
    "subnet": "subnets",
    "security group": "security-groups",
    "kms": "kms-key",
    "role": "role-arn",
}
"""Words of a refusal, and the setting that mends it; the first that is found counts."""


def explain(error: Exception) -> LaunchError | None:
    """The line, or None for an error that is not the person's or the service's but a fault of ours."""
    if isinstance(error, exceptions.ClientError):
        return LaunchError(_refusal(error))
    if isinstance(error, _CREDENTIALS):
        return LaunchError(f"credentials: {_plain(str(error))}; sign in (aws sso login) or set AWS_PROFILE")
    if isinstance(error, exceptions.ProfileNotFound):
        return LaunchError(f"AWS_PROFILE: {_plain(str(error))}; choose one of ~/.aws/config")
    if isinstance(error, exceptions.NoRegionError):
        return LaunchError("region: not given; use --region, AWS_REGION or kennel.toml")
    if isinstance(error, exceptions.ParamValidationError):
        return LaunchError(f"request: {_plain(str(error))}")
    if isinstance(error, exceptions.ConfigParseError):
        return LaunchError(f"AWS_CONFIG_FILE or AWS_SHARED_CREDENTIALS_FILE: {_plain(str(error))}; mend that file, or unset both")
    if isinstance(error, exceptions.BotoCoreError):
        return LaunchError(f"connection: {_plain(str(error))}; check the network and the region, then run the same command again")
    if isinstance(error, OSError):
        named = f"{error.filename}: " if error.filename else ""
        return LaunchError(f"{named}{error.strerror or _plain(str(error))}")
    return None


def _refusal(error: exceptions.ClientError) -> str:
    found = error.response.get("Error", {})
    code, message = str(found.get("Code", "")), _plain(str(found.get("Message", "")))
    advice = _ADVICE.get(code) or _place(message)
    return f"{error.operation_name}: {message or code} ({code}); {advice}"


def _place(message: str) -> str:
    words = message.lower()
    for word, setting in _PLACES.items():
        if word in words:
            return f"check {setting}"
    return "--dry-run shows the request"


def _plain(text: str) -> str:
    """One line of printable text, without keys, at most 400 characters."""
    line = re.sub(r"\s+", " ", hide(text)).strip().rstrip(".")
    return line if len(line) <= 400 else line[:397] + "..."
