"""Waiting for a job or an endpoint: its states and the metrics it prints, until it ends. Stopping the wait stops no job.

Ctrl-C, SIGHUP and SIGTERM end the waiting only; what was started goes on and the person is told how to come back to it.
"""

import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from contract import metrics
from scripts.aws import logs, rule_status
from scripts.aws.api import Target
from scripts.aws.secrets import hide
from scripts.aws.settings import Settings, kennel_command
from scripts.errors import LeftRunning, RunError
from scripts.output import Output

Description = dict[str, Any]
_METRIC = re.compile("|".join(f"(?:{row.regex})" for row in metrics.METRICS))
EVERY_LINE = re.compile("")


@contextmanager
def left_running(what: str, settings: Settings, follow: str, stop: str) -> Iterator[None]:
    """Inside, a signal that would end this program raises LeftRunning with the two commands instead.

    `follow` and `stop`: kennel commands. A signal that is ignored, as under nohup, stays ignored.
    """
    earlier = {}
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            earlier[number] = signal.signal(number, _interrupt)
    try:
        yield
    except KeyboardInterrupt:
        raise LeftRunning(
            f"{what} goes on; follow it: {kennel_command(follow, settings)}   stop it: {kennel_command(stop, settings)}"
        ) from None
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def training_job(target: Target, name: str, output: Output, logs_command: str, told: re.Pattern[str] = _METRIC) -> Description:
    """Wait until a training job and the evaluation of its rules have ended well. Raises RunError with its reason otherwise.

    `told`: which of its lines are shown.
    """
    seen, rules, tail = _Transitions(output), _Rules(output), logs.of_training_job(target, name)

    def look(show: Callable[[str], None]) -> tuple[bool, Description]:
        found = target.ask("sagemaker", "DescribeTrainingJob", TrainingJobName=name)
        seen.tell(found)
        for _, line in tail.lines():
            if told.search(line):
                output.line(f"   {line}")
            show(f"   {line}")
        ended = found["TrainingJobStatus"] not in ("InProgress", "Stopping")
        waits_for = rules.tell(found)
        if ended and waits_for:
            show(f"   waiting for rules: {', '.join(waits_for)}")
        return ended and not waits_for, found

    found = _wait(target, output, look)
    status = found["TrainingJobStatus"]
    if status != "Completed":
        reason = hide(found.get("FailureReason") or "no reason given")
        stopped = f"stopped before its end{_by_rules(found)}" if status == "Stopped" else reason
        raise RunError(f"training job {name} {status}: {stopped}; {logs_command} shows all it printed")
    return found


def tuning_job(target: Target, name: str, output: Output, logs_command: str) -> Description:
    """Wait until a tuning job has ended, with a line for each of its training jobs. Raises RunError unless it ended well."""
    told: set[str] = set()
    children = {"HyperParameterTuningJobName": name, "SortBy": "CreationTime", "SortOrder": "Ascending", "MaxResults": 100}

    def look(show: Callable[[str], None]) -> tuple[bool, Description]:
        found = target.ask("sagemaker", "DescribeHyperParameterTuningJob", HyperParameterTuningJobName=name)
        status, counts = found["HyperParameterTuningJobStatus"], found["TrainingJobStatusCounters"]
        jobs = found["HyperParameterTuningJobConfig"]["ResourceLimits"]["MaxNumberOfTrainingJobs"]
        for row in _children(target, children):
            ended = row["TrainingJobStatus"] in ("Completed", "Stopped", "Failed")
            if ended and row["TrainingJobName"] not in told:
                told.add(row["TrainingJobName"])
                output.line(f"   {len(told):>3} of {jobs}   {_result(row)}")
        show(f"   {counts.get('InProgress', 0)} running, {len(told)} of {jobs} ended")
        return status not in ("InProgress", "Stopping"), found

    found = _wait(target, output, look)
    status = found["HyperParameterTuningJobStatus"]
    if status != "Completed":
        reason = hide(found.get("FailureReason") or ("stopped before its end" if status == "Stopped" else "no reason given"))
        raise RunError(f"tuning job {name} {status}: {reason}; {logs_command} shows all it printed")
    return found


def endpoint(target: Target, name: str, output: Output, logs_command: str) -> Description:
    """Wait until an endpoint is InService. Raises RunError with its reason otherwise."""
    last = [""]

    def look(show: Callable[[str], None]) -> tuple[bool, Description]:
        found = target.ask("sagemaker", "DescribeEndpoint", EndpointName=name)
        status = found["EndpointStatus"]
        if status != last[0]:
            last[0] = status
            output.line(f"   {status}")
        return status in ("InService", "Failed", "OutOfService", "UpdateRollbackFailed"), found

    found = _wait(target, output, look)
    if found["EndpointStatus"] != "InService":
        reason = hide(found.get("FailureReason") or "no reason given")
        raise RunError(f"endpoint {name} {found['EndpointStatus']}: {reason}; {logs_command} shows all it printed")
    return found


def _wait(target: Target, output: Output, look: Callable[[Callable[[str], None]], tuple[bool, Description]]) -> Description:
    start = time.monotonic()
    with output.changing() as show:
        while True:
            ended, found = look(lambda text: show(f"{text}   {time.monotonic() - start:.0f} s"))
            if ended:
                return found
            time.sleep(target.poll)


@dataclass(slots=True)
class _Transitions:
    """Tells each secondary state of a training job once."""

    output: Output
    told: int = field(default=0)

    def tell(self, found: Description) -> None:
        states = found.get("SecondaryStatusTransitions", [])
        for state in states[self.told :]:
            message = f": {state['StatusMessage']}" if state.get("StatusMessage") else ""
            self.output.line(f"   {state['Status']}{hide(message)}")
        self.told = max(self.told, len(states))


@dataclass(slots=True)
class _Rules:
    """Tells once, and at once, of each rule that has found something or could not be evaluated."""

    output: Output
    told: set[str] = field(default_factory=set)

    def tell(self, found: Description) -> list[str]:
        """The names of the rules that are still being evaluated."""
        statuses = rule_status.of_training_job(found)
        for one in statuses:
            if one.rule not in self.told and not one.live and one.status != "NoIssuesFound":
                self.told.add(one.rule)
                self.output.line(one.line, style=one.style)
        return [one.rule for one in statuses if one.live]


def _by_rules(found: Description) -> str:
    """Which rules found something in a job that was stopped: perhaps one of them has stopped it."""
    names = [one.rule for one in rule_status.of_training_job(found) if one.status == "IssuesFound"]
    return f" (issues found by {', '.join(names)})" if names else ""


def _children(target: Target, request: dict[str, Any]) -> list[Description]:
    rows: list[Description] = []
    token: dict[str, str] = {}
    while True:
        page = target.ask("sagemaker", "ListTrainingJobsForHyperParameterTuningJob", **request, **token)
        rows += page["TrainingJobSummaries"]
        if not page.get("NextToken"):
            return rows
        token = {"NextToken": page["NextToken"]}


def _result(row: Description) -> str:
    chosen = "  ".join(f"{name} {_short(value)}" for name, value in sorted(row.get("TunedHyperParameters", {}).items()))
    objective = row.get("FinalHyperParameterTuningJobObjectiveMetric")
    result = f"{objective['MetricName']} {objective['Value']:.4f}" if objective else "no result"
    status = "" if row["TrainingJobStatus"] == "Completed" else f" ({row['TrainingJobStatus']})"
    return f"{result}{status}   {chosen}"


def _short(value: str) -> str:
    try:
        return f"{float(value):.3g}"
    except ValueError:
        return value
