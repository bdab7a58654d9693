"""Finds the jobs and endpoints that failed while a notebook ran: their reason says more than the exception in the cell."""

from datetime import datetime
from typing import Any

from scripts.aws.api import Target

_LISTS = (
    ("training job", "ListTrainingJobs", "TrainingJobSummaries", "TrainingJobName", "DescribeTrainingJob"),
    ("processing job", "ListProcessingJobs", "ProcessingJobSummaries", "ProcessingJobName", "DescribeProcessingJob"),
    ("endpoint", "ListEndpoints", "Endpoints", "EndpointName", "DescribeEndpoint"),
)


def reasons(target: Target, since: datetime) -> list[str]:
    """`training job NAME: REASON` for the newest of each kind that was created after a moment and failed."""
    found = []
    for what, list_them, key, name, describe in _LISTS:
        request: dict[str, Any] = {"StatusEquals": "Failed", "CreationTimeAfter": since, "SortBy": "CreationTime"}
        rows = target.ask("sagemaker", list_them, **request, SortOrder="Descending", MaxResults=1)[key]
        for row in rows:
            about = target.find("sagemaker", describe, **{name: row[name]})
            if about and about.get("FailureReason"):
                found.append(f"{what} {row[name]}: {about['FailureReason']}")
    return found
