"""The rules of training jobs: each is evaluated by one processing job, started when the training begins; see rule_state.py."""

from typing import Any

from ..context import Context
from . import processing_state, rule_state
from .processing_jobs import ProcessingJobs
from .training_state import TrainingJob


class RuleEvaluations:
    """Starts evaluators and tells how they are. They are processing jobs, and end by themselves."""

    def __init__(self, context: Context, jobs: ProcessingJobs) -> None:
        self._context = context
        self._jobs = jobs

    def begin(self, record: TrainingJob) -> None:
        """Starts the evaluator of each rule of a training job that has none yet."""
        for _, _, request in rule_state.requests(record):
            if self._context.store.get(processing_state.KIND, request["ProcessingJobName"]) is None:
                self._jobs.create(request, record["arn"])


def statuses(context: Context, record: TrainingJob) -> dict[str, list[dict[str, Any]]]:
    """The members of DescribeTrainingJob that say how the job's rules are."""
    found: dict[str, list[dict[str, Any]]] = {}
    for member, name, request in rule_state.requests(record):
        job = context.store.get(processing_state.KIND, request["ProcessingJobName"])
        shown = rule_state.status(name, job, record)
        found.setdefault(member.replace("Configurations", "EvaluationStatuses"), []).append(shown)
    return found
