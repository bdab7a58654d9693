"""Who signed a request: AWS Signature Version 4 in a header or a URL, and the Version 2 URLs that boto3 presigns for S3.

It proves that the caller has the secret key of this root, which a web page or another user of this machine has not.
The signatures of single chunks of an aws-chunked body are not checked; its headers' signature is.
"""

import datetime
import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote_plus, urlsplit

from botocore.auth import HmacV1Auth
from botocore.credentials import Credentials
from botocore.utils import normalize_url_path

from ..errors import AwsError

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
STREAMING = "STREAMING-"
SKEW = 15 * 60  # seconds, as on AWS
_AUTHORIZATION = re.compile(r"AWS4-HMAC-SHA256 +Credential=([^, ]+), *SignedHeaders=([^, ]+), *Signature=([0-9a-f]{64})")
SIGNATURE_FIELDS = frozenset(
    ("x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-expires", "x-amz-signedheaders", "x-amz-signature")
)
VERSION_2_FIELDS = frozenset(("AWSAccessKeyId", "Signature", "Expires"))
_ERRORS = "surrogateescape"
"""How aiohttp reads a head, whose bytes may be anything."""
_EXPIRES_LIMIT = 7 * 24 * 3600
_LISTS = frozenset(("list-type", "prefix", "delimiter", "encoding-type", "marker", "max-keys", "continuation-token"))
_LISTS |= frozenset(("start-after", "fetch-owner", "key-marker", "upload-id-marker", "max-uploads", "part-number-marker"))
_LISTS |= frozenset(("max-parts", "x-id"))
"""What a URL of Version 2 leaves unsigned and clients put into it: which part of a list is wanted."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A request as it came: `path` is raw, still percent-encoded; header names are lower-case; `bucket` only when the Host
    names one."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    bucket: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a request says of its signature, not believed yet. `payload` is what was signed for the body, where it is said:
    a SHA-256 in hex, UNSIGNED-PAYLOAD or STREAMING-...; else None, and it is the SHA-256 of the body."""

    access_key: str
    service: str
    payload: str | None
    version: int
    scope: str = ""
    moment: str = ""
    signed_headers: tuple[str, ...] = ()
    signature: str = ""
    expires: float | None = None
    in_query: bool = False

    @property
    def date(self) -> str:
        """The day in the credential scope, YYYYMMDD; empty in Version 2."""
        return self.scope.partition("/")[0]

    @property
    def region(self) -> str:
        """The region in the credential scope; empty in Version 2."""
        return self.scope.partition("/")[2].partition("/")[0]


def read_claim(request: Signed) -> Claim:
    """The signature that a request carries. Raises MissingAuthenticationToken, or AuthorizationHeaderMalformed."""
    header = request.headers.get("authorization")
    if header is not None:
        return _from_header(request, header)
    fields = dict(parse_qsl(request.query, keep_blank_values=True))
    if "X-Amz-Signature" in fields:
        return _from_query(fields)
    if "Signature" in fields and "AWSAccessKeyId" in fields:
        expires = fields.get("Expires", "")
        if not re.fullmatch(r"\d{1,12}", expires):
            raise _malformed("Expires is not a time")
        return Claim(
            fields["AWSAccessKeyId"], "s3", UNSIGNED, 2, signature=fields["Signature"], expires=float(expires), in_query=True
        )
    raise AwsError("MissingAuthenticationToken", "Missing Authentication Token", 403)


def verify(request: Signed, claim: Claim, body_sha256: str | None, access_key: str, secret_key: str, now: float) -> None:
    """Raises 403 unless the claim holds: the key is ours, the time is right and the signature matches.

    `body_sha256` (hex) is needed where `claim.payload` is None.
    """
    if not hmac.compare_digest(_wire(claim.access_key), access_key.encode()):
        raise AwsError(
            "InvalidAccessKeyId", "The access key is not the one of this server. `server.json` in its root has it.", 403
        )
    if claim.version == 2:
        expected = _version_2(request, claim, access_key, secret_key)
    else:
        expected = _version_4(request, claim, body_sha256, secret_key)
    if not hmac.compare_digest(_wire(claim.signature), expected.encode()):
        message = (
            "The request signature we calculated does not match the signature you provided. Check your key and signing method."
        )
        raise AwsError("SignatureDoesNotMatch", message, 403)
    _check_time(claim, now)


def _check_time(claim: Claim, now: float) -> None:
    if claim.in_query:
        start = _seconds(claim.moment) if claim.version == 4 else None
        if claim.expires is not None and now > claim.expires:
            raise AwsError("AccessDenied", "Request has expired", 403)
        if start is not None and start > now + SKEW:
            raise AwsError("AccessDenied", "Request is not yet valid", 403)
    elif abs(now - _seconds(claim.moment)) > SKEW:
        message = "The difference between the request time and the current time is too large."
        raise AwsError("RequestTimeTooSkewed", message, 403)


def _from_header(request: Signed, header: str) -> Claim:
    found = _AUTHORIZATION.fullmatch(header.strip())
    if not found:
        raise _malformed("the Authorization header is not Signature Version 4")
    access_key, scope, service = _credential(found[1])
    payload = request.headers.get("x-amz-content-sha256") if service == "s3" else None
    moment = request.headers.get("x-amz-date", "")
    signed = tuple(found[2].split(";"))
    if "host" not in signed or "x-amz-date" not in signed:
        raise _malformed("host and x-amz-date must be signed")
    return Claim(access_key, service, payload, 4, scope, moment, signed, found[3])


def _from_query(fields: Mapping[str, str]) -> Claim:
    access_key, scope, service = _credential(fields.get("X-Amz-Credential", ""))
    moment, length = fields.get("X-Amz-Date", ""), fields.get("X-Amz-Expires", "")
    signed = tuple(fields.get("X-Amz-SignedHeaders", "").split(";"))
    if fields.get("X-Amz-Algorithm") != ALGORITHM or "host" not in signed or not re.fullmatch(r"\d{1,6}", length):
        raise _malformed("the signature in the URL is incomplete")
    if int(length) > _EXPIRES_LIMIT:
        raise AwsError("AuthorizationQueryParametersError", "X-Amz-Expires must be less than a week (in seconds)", 400)
    expires = _seconds(moment) + int(length)
    payload = UNSIGNED if service == "s3" else None
    return Claim(access_key, service, payload, 4, scope, moment, signed, fields["X-Amz-Signature"], expires, in_query=True)


def _credential(text: str) -> tuple[str, str, str]:
    parts = text.rsplit("/", 4)
    if len(parts) != 5 or parts[4] != "aws4_request":
        raise _malformed("the credential scope is not KEY/DATE/REGION/SERVICE/aws4_request")
    return parts[0], "/".join(parts[1:]), parts[3]


def _version_4(request: Signed, claim: Claim, body_sha256: str | None, secret_key: str) -> str:
    path = request.path if claim.service == "s3" else quote(normalize_url_path(request.path), safe="/~", errors=_ERRORS)
    headers = "".join(f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in claim.signed_headers)
    payload = claim.payload if claim.payload is not None else body_sha256
    canonical = "\n".join(
        [request.method, path, _canonical_query(request.query), headers, ";".join(claim.signed_headers), payload or ""]
    )
    digest = hashlib.sha256(_wire(canonical)).hexdigest()
    key = ("AWS4" + secret_key).encode()
    for part in claim.scope.split("/"):
        key = hmac.digest(key, _wire(part), "sha256")
    return hmac.new(key, _wire("\n".join([ALGORITHM, claim.moment, claim.scope, digest])), "sha256").hexdigest()


def _canonical_query(query: str) -> str:
    pairs = []
    for part in query.split("&") if query else ():
        name, _, value = part.partition("=")
        name = quote(unquote_plus(name), safe="-_.~", errors=_ERRORS)  # a plus sign is a space, as for whoever reads the field
        if name != "X-Amz-Signature":
            pairs.append((name, quote(unquote_plus(value), safe="-_.~", errors=_ERRORS)))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _version_2(request: Signed, claim: Claim, access_key: str, secret_key: str) -> str:
    signer = HmacV1Auth(Credentials(access_key, secret_key))
    headers = {**request.headers, **headers_in_query(request.query)}
    if any("\n" in value for value in headers.values()):  # it would be a line of its own in the string to sign
        raise _malformed("a header in the URL has a line break")
    path = f"/{request.bucket}{request.path}" if request.bucket else request.path
    if path != "/" and path.count("/") == 1:  # a bucket itself is signed with a slash at its end
        path += "/"
    lines = [request.method, headers.get("content-md5", ""), headers.get("content-type", ""), str(int(claim.expires or 0))]
    lines += [f"{name}:{headers[name].strip()}" for name in sorted(headers) if name.startswith("x-amz-")]
    query = request.query.replace("+", "%20")
    lines.append(signer.canonical_resource(urlsplit(f"http://host{path}?{query}"), auth_path=path))
    try:
        return signer.sign_string("\n".join(lines))
    except UnicodeEncodeError:
        raise _malformed("the request is not UTF-8") from None


def unsigned_in_version_2(query: str) -> Iterator[str]:
    """The fields of a query, as they are written there, that a signature of Version 2 does not cover, but for those of lists."""
    signed = {*HmacV1Auth.QSAOfInterest, *VERSION_2_FIELDS, *_LISTS}
    for part in query.split("&") if query else ():
        name = part.partition("=")[0]
        if name not in signed and not headers_in_query(f"{name}=."):
            yield name


def headers_in_query(query: str) -> dict[str, str]:
    """The headers that a presigned URL carries in its query, by lower-case name; not those of the signature itself."""
    pairs = ((name.lower(), value) for name, value in parse_qsl(query, keep_blank_values=True))
    return {
        name: value
        for name, value in pairs
        if name in ("content-type", "content-md5") or (name.startswith("x-amz-") and name not in SIGNATURE_FIELDS)
    }


def _wire(text: str) -> bytes:
    """A part of a request as the bytes that came: those that are no UTF-8 are surrogates in its text."""
    return text.encode("utf-8", _ERRORS)


def _seconds(moment: str) -> float:
    try:
        return datetime.datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC).timestamp()
    except ValueError:
        raise _malformed("the date is not YYYYMMDDTHHMMSSZ") from None


def _malformed(why: str) -> AwsError:
    return AwsError("AuthorizationHeaderMalformed", f"The authorization is malformed: {why}.", 403)
