"""This module finds what looks like a secret in hyperparameters, variables and tags, which are stored and shown in the clear.

A match refuses the launch before any request. The message lists names only, never a value.
"""

import re
from collections.abc import Mapping

from scripts.errors import LaunchError

_VALUES = re.compile(
    "|".join(
        (
            r"\b(?:AKIA|ASIA|AIDA|AROA|ABIA|ACCA)[A-Z0-9]{16}\b",  # AWS key ids
            r"(?<![A-Za-z0-9/+=])(?=[A-Za-z0-9/+]*[a-z])(?=[A-Za-z0-9/+]*[A-Z])(?=[A-Za-z0-9/+]*[0-9])"
            r"[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])",  # AWS secret keys
            r"-----BEGIN [A-Z0-9 ]*(?:PRIVATE KEY|CERTIFICATE)[A-Z ]*-----",
            r"\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_[A-Za-z0-9_]{20,}",
            r"\bglpat-[A-Za-z0-9_-]{16,}",
            r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}|hooks\.slack\.com/services/",
            r"\b[srp]k_(?:live|test)_[A-Za-z0-9]{10,}",
            r"\bsk-[A-Za-z0-9_-]{20,}",
            r"\bhf_[A-Za-z0-9]{20,}",
            r"\bpypi-[A-Za-z0-9_-]{16,}|\bnpm_[A-Za-z0-9]{20,}",
            r"\bAIza[A-Za-z0-9_-]{30,}|\bya29\.[A-Za-z0-9_-]{10,}",
            r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.",  # JSON web tokens
            r"\bSG\.[A-Za-z0-9_-]{16,}\.",
            r"\b(?:Bearer|Basic)\s+[A-Za-z0-9+/_.=-]{16,}",
            r"\b[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@",  # a password in a URL
            r"[?&](?:X-Amz-Signature|X-Amz-Security-Token|sig|access_token|api_key)=",
            r"\bAccountKey=[A-Za-z0-9+/=]{20,}|\bSharedAccessKey=",
            r"\b(?:dop_v1_|shpat_|dckr_pat_|nvapi-|figd_|lin_api_)[A-Za-z0-9_-]{16,}",
        )
    )
)
_NAMES = re.compile(
    r"(?:^|[-_.\s])(?:password|passwd|pwd|passphrase|secret|token|credentials?|(?:api|access|private|secret|account)[-_.]?key)"
    r"(?:$|[-_.\s])",
    re.IGNORECASE,
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def looks_secret(name: str, value: str) -> bool:
    """Whether a name with a value, or the value alone, looks like something that must not be shown."""
    return bool(value) and bool(_VALUES.search(value) or _VALUES.search(name) or _NAMES.search(_CAMEL.sub("_", name)))


def refuse(**groups: Mapping[str, str]) -> None:
    """`groups`: what they are to the names and values in them. Raises LaunchError with the names that look secret."""
    found = [f"{what} {name!r}" for what, pairs in groups.items() for name, value in pairs.items() if looks_secret(name, value)]
    if found:
        shown = ", ".join(_VALUES.sub("...", name) for name in found)
        raise LaunchError(f"{shown}: looks like a secret, and would be stored in the clear; keep it in a secrets store")


def hide(text: str) -> str:
    """The text with whatever looks like a key blanked out, for messages that others wrote."""
    return _VALUES.sub("...", text)
