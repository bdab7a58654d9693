"""`kennel invoke`: pictures to the endpoint, its answers as a table. The endpoint is the only one that knows dogs."""

import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import ClientError
from rich.table import Table

from scripts.config import InvokeConfig
from scripts.errors import LaunchError, RunError
from scripts.pictures import payload
from scripts.plan import Call
from scripts.say import Say, complain
from scripts.sensitive import hide
from scripts.target import Target, connect

CONNECTIONS = 4


@dataclass(frozen=True, slots=True)
class Answer:
    """What the endpoint said of one picture: the best class first, or why it refused. `seconds` from sending to the answer."""

    picture: Path
    predictions: list[dict]
    seconds: float
    error: str | None = None

    @property
    def best(self) -> dict:
        return self.predictions[0]


def plan(given: InvokeConfig) -> list[Call]:
    from scripts.pictures import CONTENT_TYPES

    return [
        _call(given.endpoint, picture, CONTENT_TYPES.get(picture.suffix.lower(), "application/x-image"))
        for picture in given.pictures
    ]


def _call(endpoint: str, body: Path | bytes, content_type: str) -> Call:
    request = {"EndpointName": endpoint, "ContentType": content_type, "Accept": "application/json", "Body": body}
    return Call("sagemaker-runtime", "InvokeEndpoint", request)


def ask(target: Target, endpoint: str, picture: Path) -> Answer:
    """One picture. A picture that the container refuses gives an Answer with the error; anything else raises."""
    sent = payload(picture)
    if sent.shrunk:
        complain(f"{picture}: {sent.shrunk}")
    start = time.perf_counter()
    try:
        reply = target.send(_call(endpoint, sent.body, sent.content_type))
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


def run(given: InvokeConfig, say: Say) -> int:
    target = connect(given.settings)
    if target.find("sagemaker", "DescribeEndpoint", EndpointName=given.endpoint) is None:
        raise LaunchError(f"--endpoint {given.endpoint}: no endpoint of this name; kennel deploy makes one")
    answers = []
    with say.progress("asking", "pictures") as show:
        for answer in ask_all(target, given.endpoint, given.pictures):
            answers.append(answer)
            show(len(answers), len(given.pictures))
            if given.json:
                print(json.dumps(_line(answer, given.top)), flush=True)
    if not given.json:
        say.table(_table(answers, given.top))
        waits = sorted(answer.seconds for answer in answers)
        say.line(f"{len(answers)} pictures, {1000 * waits[len(waits) // 2]:.1f} ms each (median)")
        say.next(given.settings, ("logs " + given.endpoint, "what the endpoint printed"), ("down", "remove the endpoint"))
    refused = sum(answer.error is not None for answer in answers)
    if refused:
        raise RunError(f"{refused} of {len(answers)} pictures were refused by the endpoint")
    return 0


def _line(answer: Answer, top: int) -> dict:
    said = {"error": answer.error} if answer.error else {"predictions": answer.predictions[:top]}
    return {"picture": str(answer.picture)} | said | {"milliseconds": round(1000 * answer.seconds, 1)}


def _table(answers: Sequence[Answer], top: int) -> Table:
    table = Table()
    table.add_column("picture")
    table.add_column("the endpoint says")
    table.add_column("ms", justify="right")
    for answer in answers:
        guesses = ", ".join(f"{guess['label']} {guess['probability']:.2f}" for guess in answer.predictions[:top])
        table.add_row(answer.picture.name, answer.error or guesses, f"{1000 * answer.seconds:.0f}")
    return table
