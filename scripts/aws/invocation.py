"""Pictures to an endpoint through InvokeEndpoint, and its answers. The endpoint is the only one that knows dogs."""

import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from scripts.aws.api import Target
from scripts.aws.calls import Call
from scripts.aws.secrets import hide
from scripts.errors import RunError
from scripts.files.pictures import payload
from scripts.output import complain

CONNECTIONS = 4


@dataclass(frozen=True, slots=True)
class Answer:
    """What the endpoint said of one picture: the best class first, or why it refused. `seconds` from sending to the answer."""

    picture: Path
    predictions: list[dict[str, Any]]
    seconds: float
    error: str | None = None

    @property
    def best(self) -> dict[str, Any]:
        return self.predictions[0]


def request(endpoint: str, body: Path | bytes, content_type: str) -> Call:
    request = {"EndpointName": endpoint, "ContentType": content_type, "Accept": "application/json", "Body": body}
    return Call("sagemaker-runtime", "InvokeEndpoint", request)


def ask(target: Target, endpoint: str, picture: Path) -> Answer:
    """One picture. A picture that the container refuses gives an Answer with the error; anything else raises."""
    sent = payload(picture)
    if sent.shrunk:
        complain(f"{picture}: {sent.shrunk}")
    start = time.perf_counter()
    try:
        reply = target.send(request(endpoint, sent.body, sent.content_type))
        body = reply["Body"].read()
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != "ModelError":
            raise
        status, told = error.response.get("OriginalStatusCode"), error.response.get("OriginalMessage") or str(error)
        return Answer(picture, [], time.perf_counter() - start, f"{status} {hide(' '.join(told.split()))[:300]}")
    seconds = time.perf_counter() - start
    try:
        return Answer(picture, json.loads(body)["predictions"], seconds)
    except (ValueError, KeyError, TypeError):
        raise RunError(f"{picture}: the endpoint's answer is not {{'predictions': [...]}}: {body[:80]!r}") from None


def ask_all(target: Target, endpoint: str, pictures: Sequence[Path]) -> Iterator[Answer]:
    """The answers in the order of the pictures, over a few connections at once."""
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        yield from pool.map(lambda picture: ask(target, endpoint, picture), pictures)
