"""What a request may be and what an answer can be: content types, Accept and custom attributes. Headers only, no bodies.

What a person's own handler takes, only that handler knows. For the picture classifier, content types say whether the body is a
picture or JSON, no more: which picture format it is, its own bytes decide, so a PNG declared as JPEG is read as the PNG it is.
"""

import re
from collections.abc import Mapping

from sagemaker_inference.content_types import ANY, CSV, JSON, OCTET_STREAM

from contract.pictures.picture import FORMATS
from serve.errors import RequestError

SNIFFED = "application/x-image"
PICTURES = (*FORMATS.values(), SNIFFED, OCTET_STREAM)
INPUTS = (*PICTURES, JSON)
OUTPUTS = (JSON, CSV)
TOP_K_LIMIT = 1000
PREFIX = "x-amzn-sagemaker-"
"""Of the headers that SageMaker itself adds or passes on."""
_ATTRIBUTES_LIMIT = 1024


def of_a_picture(given: Mapping[str, str], default_accept: str) -> dict[str, str]:
    """What the picture classifier gets of a request's headers (names in lower case): of the client's own words none go on.

    Raises RequestError for a head that no answer fits.
    """
    fields = {"Content-Type": content_type(given.get("content-type")), "Accept": accept(given.get("accept"), default_accept)}
    if wanted := top_k(given.get(PREFIX + "custom-attributes")):
        fields["Custom-Attributes"] = f"top_k={wanted}"
    return fields


def as_they_came(given: Mapping[str, str], default_accept: str) -> dict[str, str]:
    """What a person's own handler gets of them: Content-Type, Accept and SageMaker's own, as they came."""
    kept = {name: value for name, value in given.items() if name.startswith(PREFIX)}
    if declared := given.get("content-type"):
        kept["Content-Type"] = declared
    asked = given.get("accept", "").strip()
    return {**kept, "Accept": default_accept if asked in ("", ANY) else asked}


def content_type(header: str | None) -> str:
    """The type without parameters, one of INPUTS; a body that declares none is taken as a picture to sniff. Raises 415."""
    essence = (header or OCTET_STREAM).split(";", 1)[0].strip().lower()
    if essence not in INPUTS:
        accepted = ", ".join(INPUTS)
        raise RequestError(415, "UnsupportedContentType", f"Content-Type is not one this model reads; it reads {accepted}")
    return essence


def accept(header: str | None, default: str) -> str:
    """The best of OUTPUTS by the header's quality values, `default` where it leaves the choice. Raises 406."""
    ranges = [_media_range(part) for part in (header or ANY).split(",") if part.strip()]
    order = (default, *(output for output in OUTPUTS if output != default))
    best, quality = default, 0.0
    for output in order:
        wanted = _quality(output, ranges)
        if wanted > quality:
            best, quality = output, wanted
    if quality == 0.0:
        raise RequestError(406, "NotAcceptable", f"Accept allows nothing this model writes; it writes {', '.join(OUTPUTS)}")
    return best


def top_k(attributes: str | None) -> int | None:
    """k of the custom attribute `top_k=N`, None without attributes. Raises 400."""
    if not attributes:
        return None
    match = re.fullmatch(r"top_k=([0-9]{1,6})", attributes.strip()) if len(attributes) <= _ATTRIBUTES_LIMIT else None
    if match is None:
        raise RequestError(400, "BadAttributes", "X-Amzn-SageMaker-Custom-Attributes must read top_k=N and nothing else")
    return checked_top_k(int(match[1]))


def checked_top_k(value: object) -> int:
    """`value` as a number of predictions. Raises 400."""
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= TOP_K_LIMIT:
        raise RequestError(400, "BadTopK", f"top_k must be a whole number from 1 to {TOP_K_LIMIT}")
    return value


def _media_range(part: str) -> tuple[str, float]:
    name, *parameters = (piece.strip().lower() for piece in part.split(";"))
    for parameter in parameters:
        if parameter.startswith("q="):
            match = re.fullmatch(r"[01](\.[0-9]{0,3})?", parameter[2:])
            return name, min(1.0, float(match[0])) if match else 0.0
    return name, 1.0


def _quality(output: str, ranges: list[tuple[str, float]]) -> float:
    """The most exact range that covers `output` decides, as HTTP says."""
    for covering in (output, output.split("/")[0] + "/*", ANY):
        found = [quality for name, quality in ranges if name == covering]
        if found:
            return max(found)
    return 0.0
