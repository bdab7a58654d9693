"""`kennel invoke`: pictures to the endpoint, its answers as a table."""

import json
from collections.abc import Sequence
from typing import Any

from rich.table import Table

from contract.pictures.picture_listing import CONTENT_TYPES
from scripts.aws.api import connect
from scripts.aws.calls import Call
from scripts.aws.invocation import Answer, ask_all, request
from scripts.cli.terminal import Terminal, cell
from scripts.cli.verb_config import InvokeConfig
from scripts.errors import LaunchError, RunError
from scripts.output import emit


def plan(config: InvokeConfig) -> list[Call]:
    return [
        request(config.endpoint, picture, CONTENT_TYPES.get(picture.suffix.lower(), "application/x-image"))
        for picture in config.pictures
    ]


def run(config: InvokeConfig, output: Terminal) -> int:
    target = connect(config.settings)
    if target.find("sagemaker", "DescribeEndpoint", EndpointName=config.endpoint) is None:
        raise LaunchError(f"--endpoint {config.endpoint}: no endpoint of this name; kennel deploy makes one")
    answers = []
    with output.progress("asking", "pictures") as show:
        for answer in ask_all(target, config.endpoint, config.pictures):
            answers.append(answer)
            show(len(answers), len(config.pictures))
            if config.json:
                emit(json.dumps(_line(answer, config.top)))
    if not config.json:
        output.table(_table(answers, config.top))
        waits = sorted(answer.seconds for answer in answers)
        output.line(f"{len(answers)} pictures, {1000 * waits[len(waits) // 2]:.1f} ms each (median)")
        output.next(config.settings, ("logs " + config.endpoint, "what the endpoint printed"), ("down", "remove the endpoint"))
    refused = sum(answer.error is not None for answer in answers)
    if refused:
        raise RunError(f"{refused} of {len(answers)} pictures were refused by the endpoint")
    return 0


def _line(answer: Answer, top: int) -> dict[str, Any]:
    said = {"error": answer.error} if answer.error else {"predictions": answer.predictions[:top]}
    return {"picture": str(answer.picture)} | said | {"milliseconds": round(1000 * answer.seconds, 1)}


def _table(answers: Sequence[Answer], top: int) -> Table:
    table = Table()
    table.add_column("picture")
    table.add_column("the endpoint says")
    table.add_column("ms", justify="right")
    for answer in answers:
        guesses = ", ".join(f"{guess['label']} {guess['probability']:.2f}" for guess in answer.predictions[:top])
        table.add_row(cell(answer.picture.name), cell(answer.error or guesses), f"{1000 * answer.seconds:.0f}")
    return table
