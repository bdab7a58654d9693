"""The training jobs that run at the moment, and taking up those the last server left. One job is training_run.py."""

from collections.abc import Callable
from typing import Any

from ..containers.backend import NOT_ISOLATED
from ..containers.backends import Backends
from ..context import Context
from ..errors import validation
from . import training_state
from .rule_evaluations import RuleEvaluations
from .running_jobs import RunningJobs
from .training_run import TrainingRun
from .training_state import KIND, TrainingJob


class TrainingJobs(RunningJobs[TrainingJob]):
    """Every live training job of this server."""

    def __init__(self, context: Context, backends: Backends, evaluations: RuleEvaluations) -> None:
        super().__init__(context, KIND, "Training job", "jobs", lambda name: TrainingRun(context, backends, evaluations, name))
        self._backends = backends

    def create(self, request: dict[str, Any], tuning_job_arn: str | None = None) -> str:
        """Records a checked request and starts it; returns the ARN. Raises ResourceInUse when the name is taken."""
        name = request["TrainingJobName"]
        arn = self._context.arn("sagemaker", f"training-job/{name}")
        kept = {member: value for member, value in request.items() if member != "Tags"}
        record = training_state.new(kept, arn, self._context.clock(), tuning_job_arn)
        backend = self._backends.of(request["AlgorithmSpecification"]["TrainingImage"])
        told = training_state.not_kept(request, training_state.UNPROTECTED)
        if request.get("EnableNetworkIsolation") and not backend.isolates_network:
            told.insert(0, f"{NOT_ISOLATED}.")
        if told:
            record["transitions"][0]["StatusMessage"] += f". {' '.join(told)}"
        taken = "Training job names must be unique within an AWS account and region, and a training job with this name"
        return self._create(name, record, request.get("Tags", []), taken)

    def update(self, name: str, change: Callable[[TrainingJob], None]) -> str:
        """Changes a job's record, and starts the evaluators of rules that it has from now on; returns the ARN. Raises Missing."""
        record = self._context.store.update(KIND, name, change)
        if isinstance(run := self._runs.get(name), TrainingRun):
            run.look_for_rules()
        return record["arn"]

    def interrupt(self, name: str) -> None:
        """Takes the capacity of a managed spot training job back. Raises ValidationException for any other job."""
        record = self._context.store.get(KIND, name)
        run = self._runs.get(name)
        if record is None or not isinstance(run, TrainingRun) or record["secondary"] != "Training":
            raise validation(f"Training job {name} cannot be interrupted: it is not training.")
        if not record["request"].get("EnableManagedSpotTraining"):
            raise validation(f"Training job {name} cannot be interrupted: it has no EnableManagedSpotTraining.")
        run.interrupt()

    def _mark_stopping(self, record: TrainingJob) -> None:
        record["status"] = "Stopping"
        training_state.enter(record, "Stopping", self._context.clock())
