"""The training jobs that run at the moment, and taking up those the last server left. One job is training_run.py."""

import shutil
import threading
from pathlib import Path

from . import tags, training_state
from .backend import NOT_ISOLATED
from .backends import Backends
from .errors import Exists, Missing, in_use, validation
from .training_run import TrainingRun
from .training_state import KIND
from .world import World


class Jobs:
    """Every live training job of this server."""

    def __init__(self, world: World, backends: Backends) -> None:
        self._world = world
        self._backends = backends
        self._runs: dict[str, TrainingRun] = {}
        self._lock = threading.Lock()
        self._deleting = threading.Lock()
        self._closed = False

    def start(self) -> None:
        """Takes up what the last server left: jobs whose containers live or have ended meanwhile go on where they were."""
        for record in self._world.store.list(KIND):
            if record["status"] in training_state.LIVE:
                self._begin(record["request"]["TrainingJobName"], adopt=True)

    def stop(self) -> None:
        """Ends every container; their jobs end Failed and say why. Returns when that is done."""
        with self._lock:
            self._closed = True
            runs = list(self._runs.values())
        for run in runs:
            run.abandon("The local SageMaker was stopped while the job ran.")
        for run in runs:
            run.join(30.0)

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

    def request_stop(self, name: str) -> str:
        """StopTrainingJob; returns the status before. Raises Missing."""
        before = ""

        def change(record: dict) -> None:
            nonlocal before
            before = record["status"]
            if before == "InProgress":
                record["status"] = "Stopping"
                training_state.enter(record, "Stopping", self._world.clock())

        self._world.store.update(KIND, name, change)
        if run := self._runs.get(name):
            run.wake()
        return before

    def interrupt(self, name: str) -> None:
        """Takes the capacity of a managed spot training job back. Raises ValidationException for any other job."""
        record = self._world.store.get(KIND, name)
        run = self._runs.get(name)
        if record is None or run is None or record["secondary"] != "Training":
            raise validation(f"Training job {name} cannot be interrupted: it is not training.")
        if not record["request"].get("EnableManagedSpotTraining"):
            raise validation(f"Training job {name} cannot be interrupted: it has no EnableManagedSpotTraining.")
        run.interrupt()

    def delete(self, name: str) -> None:
        """Removes an ended job and what it left on this disk. Raises Missing; ResourceInUse while it lives."""
        with self._deleting:  # of two that delete a name, the second must not find a third's new job of that name
            record = self._world.store.get(KIND, name)
            if record is None:
                raise Missing(KIND, name)
            if record["status"] in training_state.LIVE:
                raise in_use(f"Training job {name} is in status {record['status']} and cannot be deleted.")
            with self._lock:
                run = self._runs.pop(name, None)
            if run is not None:
                run.join()
            shutil.rmtree(self._folder(name), ignore_errors=True)
            with self._world.store.transaction():
                self._world.store.delete(KIND, name)
                tags.forget(self._world.store, record["arn"])

    def join(self, name: str, timeout: float | None = None) -> None:
        """Waits until the job's thread has ended, for at most `timeout` seconds."""
        if run := self._runs.get(name):
            run.join(timeout)

    def _folder(self, name: str) -> Path:
        return self._world.root / "jobs" / name

    def _begin(self, name: str, *, adopt: bool = False) -> None:
        with self._lock:
            if self._closed:
                return
            self._runs = {other: run for other, run in self._runs.items() if run.is_alive()}
            run = self._runs[name] = TrainingRun(self._world, self._backends, name)
            run.start(adopt=adopt)
