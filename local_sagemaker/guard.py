"""The first look at a request: is it meant for this server, and did the owner of its key send it? It changes nothing.

Loopback is not enough: every web page in a browser on this machine, and every user of it, can reach a loopback port.
So the Host must be ours (a rebound DNS name is not), and the signature must be made with the root's own key.
"""

import re

from .errors import AwsError

_LOCAL = re.compile(r"(127\.0\.0\.1|localhost|s3\.localhost)(:\d{1,5})?")
_VIRTUAL = re.compile(r"([a-z0-9][a-z0-9.-]*?)(\.s3)?\.localhost(:\d{1,5})?")
_AUTH_CODES = {
    "json": {
        "InvalidAccessKeyId": "UnrecognizedClientException",
        "SignatureDoesNotMatch": "InvalidSignatureException",
        "RequestTimeTooSkewed": "InvalidSignatureException",
        "MissingAuthenticationToken": "MissingAuthenticationTokenException",
        "AuthorizationHeaderMalformed": "IncompleteSignatureException",
        "AccessDenied": "AccessDeniedException",
    },
    "query": {
        "InvalidAccessKeyId": "InvalidClientTokenId",
        "RequestTimeTooSkewed": "SignatureDoesNotMatch",
        "AuthorizationHeaderMalformed": "IncompleteSignature",
    },
    "s3": {"MissingAuthenticationToken": "AccessDenied"},
    "registry": {"AccessDenied": "DENIED"},
}


def bucket_of_host(host: str) -> str:
    """The bucket that a Host header names, or "". Raises AccessDenied for a Host that is not this server."""
    if _LOCAL.fullmatch(host):
        return ""
    found = _VIRTUAL.fullmatch(host)
    if not found:
        raise AwsError("AccessDenied", "The Host header does not name this server.", 403)
    return found[1]


def in_words_of(protocol: str, error: AwsError) -> AwsError:
    """An error of signature.py, or of this module, under the name that a protocol's services give it."""
    return AwsError(_AUTH_CODES[protocol].get(error.code, error.code), error.message, error.status, error.fields)
