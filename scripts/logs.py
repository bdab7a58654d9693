"""CloudWatch Logs of a job or an endpoint: each line once, in order, as it comes. It waits for nothing by itself.

SageMaker's streams are JOB/HOST-... in the group of training jobs and VARIANT/HOST in a group of each endpoint's own.
"""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from scripts.config import LogsConfig
from scripts.errors import LaunchError
from scripts.plan import Call
from scripts.say import Say
from scripts.target import Target, connect

TRAINING = "/aws/sagemaker/TrainingJobs"
PROCESSING = "/aws/sagemaker/ProcessingJobs"
ENDPOINTS = "/aws/sagemaker/Endpoints/"
_TUNED = r"-\d{3}-[0-9a-f]{8}"
"""What a tuning job adds to its name for each of its training jobs."""


@dataclass(slots=True)
class Tail:
    """The lines of some streams of one group. `only`: a pattern that a stream's name has to match."""

    target: Target
    group: str
    prefix: str = ""
    only: str = ""
    _places: dict[str, str] = field(default_factory=dict)

    def lines(self) -> Iterator[tuple[str, str]]:
        """(stream, line) for what has come since the last call."""
        for stream in self._streams():
            yield from ((stream, line) for line in self._read(stream))

    def _streams(self) -> list[str]:
        names, request = [], {"logGroupName": self.group} | ({"logStreamNamePrefix": self.prefix} if self.prefix else {})
        while True:
            page = self.target.find("logs", "DescribeLogStreams", **request)
            names += [row["logStreamName"] for row in (page or {}).get("logStreams", [])]
            if not page or not page.get("nextToken"):
                return [name for name in names if re.match(self.only, name)]
            request["nextToken"] = page["nextToken"]

    def _read(self, stream: str) -> Iterator[str]:
        while True:
            place = {"nextToken": self._places[stream]} if stream in self._places else {}
            page = self.target.find(
                "logs", "GetLogEvents", logGroupName=self.group, logStreamName=stream, startFromHead=True, **place
            )
            if page is None:
                return
            yield from (event["message"].rstrip("\n") for event in page["events"])
            # The last page gives back the token that was sent.
            if self._places.get(stream) == page["nextForwardToken"]:
                return
            self._places[stream] = page["nextForwardToken"]


def of_training_job(target: Target, name: str) -> Tail:
    return Tail(target, TRAINING, f"{name}/")


def _described(target: Target, name: str) -> tuple[str, bool] | None:
    """The kind of thing that a name is, and whether it may still print; None when it is nothing."""
    if found := target.find("sagemaker", "DescribeTrainingJob", TrainingJobName=name):
        return "training", found["TrainingJobStatus"] in ("InProgress", "Stopping")
    if found := target.find("sagemaker", "DescribeHyperParameterTuningJob", HyperParameterTuningJobName=name):
        return "tuning", found["HyperParameterTuningJobStatus"] in ("InProgress", "Stopping")
    if found := target.find("sagemaker", "DescribeProcessingJob", ProcessingJobName=name):
        return "processing", found["ProcessingJobStatus"] in ("InProgress", "Stopping")
    if found := target.find("sagemaker", "DescribeEndpoint", EndpointName=name):
        return "endpoint", True
    return None


def _tail(target: Target, name: str, kind: str) -> Tail:
    if kind == "training":
        return of_training_job(target, name)
    if kind == "processing":
        return Tail(target, PROCESSING, f"{name}/")
    if kind == "tuning":
        return Tail(target, TRAINING, f"{name}-", only=f"{re.escape(name)}{_TUNED}/")
    return Tail(target, f"{ENDPOINTS}{name}")


def plan(given: LogsConfig) -> list[Call]:
    return [
        Call("sagemaker", "DescribeTrainingJob", {"TrainingJobName": given.name}),
        Call("logs", "DescribeLogStreams", {"logGroupName": TRAINING, "logStreamNamePrefix": f"{given.name}/"}),
    ]


def run(given: LogsConfig, say: Say) -> int:
    """Print what there is; with `follow`, go on until the job has ended (an endpoint: until Ctrl-C)."""
    target = connect(given.settings)
    found = _described(target, given.name)
    if found is None and not any(True for _ in _tail(target, given.name, "endpoint").lines()):
        raise LaunchError(f"{given.name}: no job or endpoint of this name; kennel status lists them")
    kind = found[0] if found else "endpoint"
    tail, count = _tail(target, given.name, kind), 0
    while True:
        # Asked before the lines are read: what is printed until the end is read once more after it.
        found = _described(target, given.name)
        for stream, line in tail.lines():
            count += 1
            print(f"{stream.partition('/')[0][-12:]} {line}" if kind == "tuning" else line, flush=True)
        if not given.follow or found is None or not found[1]:
            break
        time.sleep(target.poll)
    if not count:
        say.line(f"{given.name}: nothing printed yet")
    return 0
