"""The training jobs that run at the moment, and taking up those the last server left. One job is training_run.py."""

from collections.abc import Callable

from . import tags, training_state
from .backend import NOT_ISOLATED
from .backends import Backends
from .errors import Exists, in_use, validation
from .live_jobs import LiveJobs
from .rule_evaluations import RuleEvaluations
from .training_run import TrainingRun
from .training_state import KIND
from .world import World


class Jobs(LiveJobs):
    """Every live training job of this server."""

    def __init__(self, world: World, backends: Backends, evaluations: RuleEvaluations) -> None:
        super().__init__(world, KIND, "Training job", "jobs", lambda name: TrainingRun(world, backends, evaluations, name))
        self._backends = backends

    def create(self, request: dict, tuning_job_arn: str | None = None) -> str:
        """Records a checked request and starts it; returns the ARN. Raises ResourceInUse when the name is taken."""
        name = request["TrainingJobName"]
        arn = self._world.arn("sagemaker", f"training-job/{name}")
        kept = {member: value for member, value in request.items() if member != "Tags"}
        record = training_state.new(kept, arn, self._world.clock(), tuning_job_arn)
        backend = self._backends.of(request["AlgorithmSpecification"]["TrainingImage"])
        if request.get("EnableNetworkIsolation") and not backend.isolates_network:
            record["transitions"][0]["StatusMessage"] += f". {NOT_ISOLATED}"
        try:
            with self._world.store.transaction():
                self._world.store.create(KIND, name, record)
                tags.keep(self._world.store, arn, request.get("Tags", []))
        except Exists:
            raise in_use(
                "Training job names must be unique within an AWS account and region, and a training job with this name"
                f" already exists ({arn})"
            ) from None
        self._begin(name)
        return arn

    def update(self, name: str, change: Callable[[dict], None]) -> str:
        """Changes a job's record, and starts the evaluators of rules that it has from now on; returns the ARN. Raises Missing."""
        record = self._world.store.update(KIND, name, change)
        if isinstance(run := self._runs.get(name), TrainingRun):
            run.look_for_rules()
        return record["arn"]

    def interrupt(self, name: str) -> None:
        """Takes the capacity of a managed spot training job back. Raises ValidationException for any other job."""
        record = self._world.store.get(KIND, name)
        run = self._runs.get(name)
        if record is None or not isinstance(run, TrainingRun) or record["secondary"] != "Training":
            raise validation(f"Training job {name} cannot be interrupted: it is not training.")
        if not record["request"].get("EnableManagedSpotTraining"):
            raise validation(f"Training job {name} cannot be interrupted: it has no EnableManagedSpotTraining.")
        run.interrupt()

    def _mark_stopping(self, record: dict) -> None:
        record["status"] = "Stopping"
        training_state.enter(record, "Stopping", self._world.clock())
