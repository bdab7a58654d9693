"""CloudWatch Logs of a job or an endpoint: each line once, in order, as it comes. It waits for nothing by itself.

SageMaker's streams are JOB/HOST-... in the group of training jobs and VARIANT/HOST in a group of each endpoint's own.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from scripts.aws.api import Target

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


def of_tuning_job(target: Target, name: str) -> Tail:
    return Tail(target, TRAINING, f"{name}-", only=f"{re.escape(name)}{_TUNED}/")
