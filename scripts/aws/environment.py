"""The person's AWS variables are looked at before a client is made: botocore names none and says no next step."""

import re
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from scripts.config import ENV_BEFORE, leads_here

_WHOLE = (
    "AWS_MAX_ATTEMPTS",
    "AWS_METADATA_SERVICE_TIMEOUT",
    "AWS_METADATA_SERVICE_NUM_ATTEMPTS",
    "AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES",
)
_CHOICES = {
    "AWS_RETRY_MODE": ("legacy", "standard", "adaptive"),
    "AWS_STS_REGIONAL_ENDPOINTS": ("regional", "legacy"),
    "AWS_DEFAULTS_MODE": ("standard", "in-region", "cross-region", "mobile", "auto", "legacy"),
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": ("IPv4", "IPv6"),
}
_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d{1,2}")


def undo(environ: Mapping[str, str], name: str) -> str:
    """The command that takes a variable away: as `kennel env` gives back what was there, where it has set the variable."""
    return 'eval "$(kennel env --undo)"' if ENV_BEFORE in environ else f"unset {name}"


def problems(environ: Mapping[str, str]) -> list[str]:
    """What is wrong with the AWS variables that are set: each with its value and the next step."""
    return list(_problems(environ))


def _problems(environ: Mapping[str, str]) -> Iterator[str]:
    if leads_here(proxy := environ.get("HTTPS_PROXY") or environ.get("https_proxy") or ""):
        place = proxy.rpartition("@")[2]
        yield f"HTTPS_PROXY leads to {place}, where the local SageMaker answers in AWS's place; {undo(environ, 'HTTPS_PROXY')}"
    for name, value in sorted(environ.items()):
        if not value:
            continue
        if name in _WHOLE and not (value.isascii() and value.isdigit() and int(value) > 0):
            yield f"{name} is {value!r}; need a whole number from 1, or unset it"
        elif name in _CHOICES and value.lower() not in map(str.lower, _CHOICES[name]):
            yield f"{name} is {value!r}; need one of {', '.join(_CHOICES[name])}, or unset it"
        elif name in _REGIONS and not _REGION.fullmatch(value):
            yield f"{name} is {value!r}; need a region such as eu-central-1"
        elif (name == "AWS_ENDPOINT_URL" or name.startswith("AWS_ENDPOINT_URL_")) and not _is_url(value):
            yield f"{name} is {value!r}; need http:// or https://, a host and perhaps a port, or unset it"


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
