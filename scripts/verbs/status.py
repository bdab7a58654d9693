"""`kennel status`: everything that runs or costs, whatever its name, and the newest of our own jobs that have ended."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from rich.table import Table

from scripts.aws import rule_status
from scripts.aws.api import Target, connect
from scripts.aws.calls import Call
from scripts.cli.terminal import Terminal, cell
from scripts.cli.verb_config import StatusConfig
from scripts.output import emit

OURS = "kennel"
SHOWN = 10
"""Ended jobs of ours that are shown of each kind; of what runs, all is."""
PAGE = 100
LOOKED_AT = 10
"""Training jobs that are asked for their rules."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How the API lists one kind of thing. `running`: the states that cost money; empty: each that is not in `ended` does."""

    what: str
    operation: str
    summaries: str
    prefix: str
    running: tuple[str, ...] = ("InProgress", "Stopping")
    ended: tuple[str, ...] = ()


JOBS = (
    Kind("tuning job", "ListHyperParameterTuningJobs", "HyperParameterTuningJobSummaries", "HyperParameterTuningJob"),
    Kind("training job", "ListTrainingJobs", "TrainingJobSummaries", "TrainingJob"),
    Kind("processing job", "ListProcessingJobs", "ProcessingJobSummaries", "ProcessingJob"),
    Kind("transform job", "ListTransformJobs", "TransformJobSummaries", "TransformJob"),
)
ENDPOINTS = Kind("endpoint", "ListEndpoints", "Endpoints", "Endpoint", (), ("Failed", "Deleting"))
ON_AWS = (
    Kind("notebook", "ListNotebookInstances", "NotebookInstances", "NotebookInstance", ("Pending", "InService", "Updating")),
)
"""Kinds that nothing here starts, but that cost as well; the local SageMaker has none of them."""


@dataclass(frozen=True, slots=True)
class Row:
    """One thing. `since`: its creation, as ISO 8601."""

    kind: str
    name: str
    status: str
    since: str
    runs: bool


def plan(config: StatusConfig) -> list[Call]:
    """The first page of each list."""
    kinds = (*JOBS, *(ON_AWS if config.settings.target == "aws" else ()))
    calls = [call for kind in kinds for call in [*(_listing(kind, state) for state in kind.running), _ended(kind)]]
    return [*calls, _listing(ENDPOINTS)]


def run(config: StatusConfig, output: Terminal) -> int:
    target = connect(config.settings)
    kinds = {kind.operation: kind for kind in (*JOBS, *ON_AWS, ENDPOINTS)}
    found: dict[tuple[str, str], Row] = {}
    for call in plan(config):
        for row in _rows(target, kinds[call.operation], call):
            found[row.kind, row.name] = row  # a job may have ended between two lists: the later one counts
    rows = sorted(found.values(), key=lambda row: (row.runs, row.since), reverse=True)
    if config.json:
        emit(json.dumps([asdict(row) for row in rows], indent=2))
        return 0
    if not rows:
        output.line("nothing here yet")
        output.next(config.settings, ("data", "a set of pictures"), ("demo", "the whole story"))
        return 0
    output.table(_table(rows))
    _rules(target, [row.name for row in rows if row.kind == "training job"][:LOOKED_AT], output)
    running = [row for row in rows if row.runs]
    hints = [(f"stop {row.name}", "stop this job") for row in running if row.kind in ("tuning job", "training job")][:1]
    hints += [(f"down --endpoint {row.name}", "remove this endpoint") for row in running if row.kind == "endpoint"]
    output.next(config.settings, *(hints or [("train", "train a model")]))
    return 0


def _listing(kind: Kind, state: str | None = None) -> Call:
    """What runs, of any name."""
    request = {"SortBy": "CreationTime", "SortOrder": "Descending", "MaxResults": PAGE}
    return Call("sagemaker", kind.operation, ({"StatusEquals": state} if state else {}) | request)


def _ended(kind: Kind) -> Call:
    """The newest of our own, whatever their state."""
    request = {"NameContains": OURS, "SortBy": "CreationTime", "SortOrder": "Descending", "MaxResults": SHOWN}
    return Call("sagemaker", kind.operation, request)


def _rows(target: Target, kind: Kind, call: Call) -> Iterator[Row]:
    """What a list says, all pages of what runs."""
    token: dict[str, str] = {}
    while True:
        page = target.ask("sagemaker", call.operation, **call.request, **token)
        for found in page[kind.summaries]:
            status = found[f"{kind.prefix}Status"]
            runs = status in kind.running if kind.running else status not in kind.ended
            yield Row(kind.what, found[f"{kind.prefix}Name"], status, found["CreationTime"].isoformat(timespec="minutes"), runs)
        if not page.get("NextToken") or "NameContains" in call.request:
            return
        token = {"NextToken": page["NextToken"]}


def _table(rows: list[Row]) -> Table:
    table = Table()
    for title in ("", "name", "status", "since"):
        table.add_column(title)
    for row in rows:
        since = row.since[:16].replace("T", " ")
        table.add_row(*map(cell, (row.kind, row.name, row.status, since)), style="bold" if row.runs else "")
    return table


def _rules(target: Target, jobs: list[str], output: Terminal) -> None:
    """The rules of the newest training job that has any."""
    for job in jobs:
        if statuses := rule_status.of_training_job(target.ask("sagemaker", "DescribeTrainingJob", TrainingJobName=job)):
            output.line(f"rules of {job}")
            for one in statuses:
                output.line(one.line, style=one.style)
            return
