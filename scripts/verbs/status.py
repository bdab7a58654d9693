"""`kennel status`: the jobs and endpoints of ours, newest first, and which of them run."""

from typing import Any

from rich.table import Table

from scripts.aws import rule_status
from scripts.aws.api import Target, connect
from scripts.aws.calls import Call
from scripts.aws.job_config import Config
from scripts.cli.terminal import Terminal, cell

OURS = "kennel"
SHOWN = 10
_LISTS = (
    ("tuning job", "ListHyperParameterTuningJobs", "HyperParameterTuningJobSummaries", "HyperParameterTuningJob"),
    ("training job", "ListTrainingJobs", "TrainingJobSummaries", "TrainingJob"),
    ("endpoint", "ListEndpoints", "Endpoints", "Endpoint"),
)
_RUNNING = ("InProgress", "Stopping", "InService", "Creating", "Updating", "RollingBack", "SystemUpdating")


def plan(given: Config) -> list[Call]:
    request = {"NameContains": OURS, "SortBy": "CreationTime", "SortOrder": "Descending", "MaxResults": SHOWN}
    return [Call("sagemaker", operation, request) for _, operation, _, _ in _LISTS]


def run(given: Config, say: Terminal) -> int:
    target, rows = connect(given.settings), []
    for (what, _, field, prefix), call in zip(_LISTS, plan(given), strict=True):
        rows += [_row(what, prefix, found) for found in target.send(call)[field]]
    if not rows:
        say.line("nothing here yet")
        say.next(given.settings, ("data", "a set of pictures"), ("demo", "the whole story"))
        return 0
    table = Table()
    for title in ("", "name", "status", "since"):
        table.add_column(title)
    for row in rows:
        table.add_row(*map(cell, row), style="bold" if row[2] in _RUNNING else "")
    say.table(table)
    _rules(target, [row[1] for row in rows if row[0] == "training job"], say)
    running = [row for row in rows if row[2] in _RUNNING]
    jobs = [row[1] for row in running if row[0] != "endpoint"]
    hints = [(f"stop {jobs[0]}", "stop this job")] if jobs else []
    hints += [(f"down --endpoint {row[1]}", "remove this endpoint") for row in running if row[0] == "endpoint"]
    say.next(given.settings, *(hints or [("train", "train a model")]))
    return 0


def _rules(target: Target, jobs: list[str], say: Terminal) -> None:
    """The rules of the newest training job that has any."""
    for job in jobs:
        if statuses := rule_status.of_training_job(target.ask("sagemaker", "DescribeTrainingJob", TrainingJobName=job)):
            say.line(f"rules of {job}")
            for one in statuses:
                say.line(one.line, style=one.style)
            return


def _row(what: str, prefix: str, found: dict[str, Any]) -> tuple[str, str, str, str]:
    return what, found[f"{prefix}Name"], found[f"{prefix}Status"], f"{found['CreationTime']:%Y-%m-%d %H:%M}"
