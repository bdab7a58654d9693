"""The first look at a request: is it meant for this server, and was it signed for what it asks? It changes nothing.

Loopback is not enough: every web page in a browser on this machine, and every user of it, can reach a loopback port.
So the Host must be ours, or AWS's own name for what https_proxy.py ends here (a rebound DNS name is neither), and the signature
must have been made for this very operation: a signature for one object of S3 must not start a training job, whatever headers are
added to it. signature.py proves the rest.
"""

import re
from collections.abc import Iterator

from ..errors import AwsError
from . import aws_names, service_models
from .signature import Claim, Signed, unsigned_in_version_2

_LOCAL = re.compile(r"(127\.0\.0\.1|localhost|s3\.localhost)(:\d{1,5})?")
_VIRTUAL = re.compile(r"([a-z0-9][a-z0-9.-]*?)(\.s3)?\.localhost(:\d{1,5})?")
ANYWHERE = ("us-east-1", "aws-global")
"""The regions for which clients sign requests to a service that has one endpoint for all regions, wherever they are."""
GLOBAL_SERVICES = ("iam", "sts", "s3")
_WITHOUT_EFFECT = frozenset(("x-amz-content-sha256",))
"""Headers that clients add to a presigned URL's request after it was signed. Its body is unsigned, whatever they say."""
_MUST_BE_SIGNED = ("x-amz-", "x-amzn-sagemaker-")
_AUTH_CODES = {
    "json": {
        "HeadersNotSigned": "InvalidSignatureException",
        "WrongScope": "InvalidSignatureException",
        "InvalidAccessKeyId": "UnrecognizedClientException",
        "SignatureDoesNotMatch": "InvalidSignatureException",
        "RequestTimeTooSkewed": "InvalidSignatureException",
        "MissingAuthenticationToken": "MissingAuthenticationTokenException",
        "AuthorizationHeaderMalformed": "IncompleteSignatureException",
        "AccessDenied": "AccessDeniedException",
    },
    "query": {
        "HeadersNotSigned": "SignatureDoesNotMatch",
        "WrongScope": "SignatureDoesNotMatch",
        "InvalidAccessKeyId": "InvalidClientTokenId",
        "RequestTimeTooSkewed": "SignatureDoesNotMatch",
        "AuthorizationHeaderMalformed": "IncompleteSignature",
    },
    "s3": {
        "HeadersNotSigned": "AccessDenied",
        "WrongScope": "AuthorizationHeaderMalformed",
        "MissingAuthenticationToken": "AccessDenied",
    },
    "registry": {"AccessDenied": "DENIED"},
}


def bucket_of_host(host: str) -> str:
    """The bucket that a Host header names, or "". Raises AccessDenied for a Host that is not this server."""
    host = host.lower()
    if _LOCAL.fullmatch(host) or aws_names.is_api(host):
        return ""
    found = _VIRTUAL.fullmatch(host)
    if not found and (bucket := aws_names.bucket_of(host)):
        return bucket
    if not found:
        raise AwsError("AccessDenied", "The Host header does not name this server.", 403)
    return found[1]


def service_of(signed: Signed, claim: Claim) -> str:
    """The service, by botocore's name for it, that would perform a request; empty where an X-Amz-Target names none of ours."""
    target = signed.headers.get("x-amz-target")
    if target is not None:
        return service_models.json_targets().get(target.partition(".")[0], "")
    return {"sagemaker": "sagemaker-runtime"}.get(claim.service, claim.service)


def check_scope(signed: Signed, claim: Claim, service: str, region: str) -> None:
    """Raises 403 unless what was signed is what would be performed: by this service, in this region, on that day, with
    every header that says what is to be done. It believes nothing: signature.verify must follow."""
    if not_signed := sorted(_not_signed(signed, claim)):
        message = f"There were headers present in the request which were not signed: {', '.join(not_signed)}"
        raise AwsError("HeadersNotSigned", message, 403, {"HeadersNotSigned": ", ".join(not_signed)})
    wanted = service_models.signing_name(service)
    if wanted and claim.service != wanted:
        raise AwsError("WrongScope", f"Credential should be scoped to correct service: '{wanted}'.", 403)
    if service != "s3":
        _check_call(signed, claim, service)
    if claim.version == 2:
        return
    if claim.date != claim.moment[:8]:
        message = f"Date in Credential scope does not match the day of X-Amz-Date: '{claim.date}' != '{claim.moment[:8]}'."
        raise AwsError("WrongScope", message, 403)
    if claim.region != region and not (service in GLOBAL_SERVICES and claim.region in ANYWHERE):
        message = f"Credential should be scoped to a valid region: {claim.region!r} is not {region}, which this server is."
        raise AwsError("WrongScope", f"{message} Give the client that region (AWS_DEFAULT_REGION).", 403, {"Region": region})


def _not_signed(signed: Signed, claim: Claim) -> Iterator[str]:
    """The headers, and the fields of a URL of Version 2, that the signature does not vouch for and that say what is done."""
    if claim.version == 2:  # its string to sign has every x-amz- header
        yield from unsigned_in_version_2(signed.query)
        return
    tolerated = _WITHOUT_EFFECT if claim.in_query else ()
    for name in signed.headers:
        if name.startswith(_MUST_BE_SIGNED) and name not in claim.signed_headers and name not in tolerated:
            yield name


def _check_call(signed: Signed, claim: Claim, service: str) -> None:
    """A call of a service other than S3 is a POST whose whole body is signed, to the path of its protocol."""
    if claim.in_query:
        message = "A signature in the URL is taken for S3 only. Sign this request in its Authorization header."
        raise AwsError("WrongScope", message, 403)
    if signed.bucket:
        raise AwsError("WrongScope", f"The Host header names a bucket of S3, and the request is for {service}.", 403)
    if service == "sagemaker-runtime":  # its paths are its own
        return
    if signed.method != "POST" or signed.path != "/" or signed.query:
        raise AwsError("WrongScope", f"{service} takes requests by POST to / only, without a query.", 403)


def protocol_error(protocol: str, error: AwsError) -> AwsError:
    """An error of signature.py, or of this module, under the name that a protocol's services give it."""
    return AwsError(_AUTH_CODES[protocol].get(error.code, error.code), error.message, error.status, error.fields)
