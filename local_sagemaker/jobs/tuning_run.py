"""One tuning job being run, in a thread of its own: it proposes, starts training jobs, stops the hopeless, and knows the end.

The search is hyperparameter_search.py, early stopping early_stopping.py; a training job is training_jobs.py's. All that matters
is in the record, so a server started after this one died goes on: tries that ended are put back into the search, those that run
are waited for."""

import contextlib
import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ..containers.record_thread import RecordThread
from ..context import Context
from ..errors import Missing
from . import training_state, tuning_state
from .early_stopping import Hyperband, worse_than_median
from .training_jobs import TrainingJobs
from .training_state import Progress
from .tuning_state import KIND, Trial, TuningJob

if TYPE_CHECKING:
    from .hyperparameter_search import Search

TICK = 0.2
FAILURES_IN_A_ROW = 5
"""A tuning job fails when this many training jobs have ended and none has given an objective."""

log = logging.getLogger(__name__)


def make_search(request: Mapping[str, Any], seed: int) -> "Search":
    """The search that a request asks for. Raises BadRange."""
    from .hyperparameter_search import Search, axes  # with Optuna, 0.4 s, which only a tuning job waits for

    config = request["HyperParameterTuningJobConfig"]
    _, maximize = tuning_state.objective(request)
    return Search(axes(config.get("ParameterRanges", {})), config["Strategy"], maximize=maximize, seed=seed)


def trial_jobs(context: Context, record: TuningJob, missing: str = "Stopped") -> Sequence[Progress]:
    """The training jobs' records, one for each trial, in order.

    A trial without a training job gets a blank one with status `missing`: it was deleted, or, seen from another thread, it is
    about to be created.
    """
    found: list[Progress] = []
    for trial in record["trials"]:
        blank: Progress = {
            "arn": context.arn("sagemaker", f"training-job/{trial['name']}"),
            "created": record["created"],
            "modified": record["created"],
            "status": missing,
            "run_seconds": 0.0,
            "attempt_started": None,
            "metrics": {},
            "history": [],
        }
        job = context.store.get(training_state.KIND, trial["name"])
        found.append(job or blank)
    return found


class TuningRun(RecordThread[TuningJob]):
    """The life of one tuning job from here to its end."""

    def __init__(self, context: Context, jobs: TrainingJobs, name: str) -> None:
        super().__init__(context, KIND, name)
        record = self._record()
        self._request = record["request"]
        self._jobs = jobs
        self._config = self._request["HyperParameterTuningJobConfig"]
        self._metric, self._maximize = tuning_state.objective(self._request)
        self._search = make_search(self._request, record["seed"])
        self._hyperband = self._make_hyperband()
        self._numbers: dict[str, int] = {}
        self._judged: dict[str, int] = {}
        self._exhausted = False

    def close(self) -> None:
        """The server stops: no more training jobs; the record stays as it is, to go on from. Waits for the thread."""
        self._server_stops.set()
        self._wake.set()
        self.join(10.0)

    def _make_hyperband(self) -> Hyperband | None:
        if self._config["Strategy"] != "Hyperband":
            return None
        limits = self._config["StrategyConfig"]["HyperbandStrategyConfig"]
        return Hyperband(limits.get("MinResource", 1), limits["MaxResource"], maximize=self._maximize)

    def _run(self, adopt: bool) -> None:
        try:
            self._restore()
            while not self._server_stops.is_set():
                if self._step():
                    return
                self._wake.wait(TICK)
                self._wake.clear()
        except Exception as error:
            if self._server_stops.is_set():  # the record stays as it is, to go on from
                return
            log.exception("tuning job %s", self._name)
            self._stop(self._active(self._record()))
            self._end("Failed", f"InternalServerError: {error}")

    def _restore(self) -> None:
        """Fills the search with the parents' tries and, after a restart, with our own."""
        for parent in self._request.get("WarmStartConfig", {}).get("ParentHyperParameterTuningJobs", []):
            record = self._context.store.get(KIND, parent["HyperParameterTuningJobName"])
            for trial in record["trials"] if record else []:
                job = self._context.store.get(training_state.KIND, trial["name"])
                if job and tuning_state.objective_status(job, self._metric) == "Succeeded":
                    self._search.add(trial["values"], tuning_state.final_objective(job, self._metric), parent=True)
        for trial in self._record()["trials"]:
            job = self._context.store.get(training_state.KIND, trial["name"])
            if job is not None and job["status"] in training_state.ENDED:
                succeeded = tuning_state.objective_status(job, self._metric) == "Succeeded"
                self._search.add(trial["values"], tuning_state.final_objective(job, self._metric) if succeeded else None)
                continue
            asked = self._search.ask(trial["values"])
            self._numbers[trial["name"]] = asked[0] if asked else 0
            if job is None:
                self._launch(trial)

    def _step(self) -> bool:
        """Looks at every training job once; True when the tuning job has ended."""
        record = self._record()
        jobs = trial_jobs(self._context, record)
        self._tell(record, jobs)
        active = self._active(record, jobs)
        if verdict := self._verdict(record, jobs):
            self._stop(active)
            return not active and self._end(*verdict)
        self._judge(record, jobs)
        while len(active) < self._config["ResourceLimits"]["MaxParallelTrainingJobs"] and not self._exhausted:
            trial = self._propose()
            if trial is None:
                break
            active.append(trial["name"])
        return self._exhausted and not active and self._complete(jobs)

    def _verdict(self, record: TuningJob, jobs: Sequence[Progress]) -> tuple[str, str | None] | None:
        """How the tuning job is to end, before its tries are used up: the status and the reason.

        Once it is decided it is kept: the training jobs that are stopped for it must not change it by what they end with.
        """
        if record["status"] == "Stopping":
            return "Stopped", None
        if kept := record.get("verdict"):
            return kept[0], kept[1]
        verdict: tuple[str, str | None] | None = None
        if reason := self._failed(jobs):
            verdict = "Failed", reason
        elif self._enough(record, jobs):
            verdict = "Completed", None
        if verdict:
            self._update(lambda record, now: record.update({"verdict": verdict}))
        return verdict

    def _complete(self, jobs: Sequence[Progress]) -> bool:
        if any(tuning_state.objective_status(job, self._metric) == "Succeeded" for job in jobs):
            return self._end("Completed")
        return self._end("Failed", f"No training job gave the objective metric {self._metric}. See their FailureReason and logs.")

    def _tell(self, record: TuningJob, jobs: Sequence[Progress]) -> None:
        """Gives the search the objectives of training jobs that have ended since the last look."""
        for trial, job in zip(record["trials"], jobs, strict=True):
            if trial["name"] in self._numbers and job["status"] in training_state.ENDED:
                value = tuning_state.final_objective(job, self._metric)
                failed = tuning_state.objective_status(job, self._metric) != "Succeeded"
                self._search.tell(self._numbers.pop(trial["name"]), None if failed else value)

    def _active(self, record: TuningJob, jobs: Sequence[Progress] | None = None) -> list[str]:
        found = trial_jobs(self._context, record) if jobs is None else jobs
        return [trial["name"] for trial, job in zip(record["trials"], found, strict=True) if job["status"] in training_state.LIVE]

    def _failed(self, jobs: Sequence[Progress]) -> str | None:
        """Why the tuning job cannot succeed, if so."""
        ended = [tuning_state.objective_status(job, self._metric) for job in jobs if job["status"] in training_state.ENDED]
        if len(ended) >= FAILURES_IN_A_ROW and "Succeeded" not in ended:
            return (
                f"No training job succeeded after {len(ended)} attempts. For additional details, please take a look at the"
                " training job failures by listing training jobs for the hyperparameter tuning job."
            )
        return None

    def _enough(self, record: TuningJob, jobs: Sequence[Progress]) -> bool:
        """Whether the time is up or the completion criteria are met."""
        limit = self._config["ResourceLimits"].get("MaxRuntimeInSeconds")
        if limit is not None and self._context.clock() - record["created"] >= limit:
            return True
        criteria = self._config.get("TuningJobCompletionCriteria", {})
        best = tuning_state.best_trial(record, jobs)
        if best is None or not criteria:
            return False
        value = tuning_state.final_objective(jobs[best], self._metric) or 0.0
        target = criteria.get("TargetObjectiveMetricValue")
        patience = criteria.get("BestObjectiveNotImproving", {}).get("MaxNumberOfTrainingJobsNotImproving")
        ended = sum(job["status"] in training_state.ENDED for job in jobs[best + 1 :])
        reached = target is not None and (value >= target if self._maximize else value <= target)
        return reached or (patience is not None and ended >= patience)

    def _judge(self, record: TuningJob, jobs: Sequence[Progress]) -> None:
        """Early stopping: asks training jobs to stop whose objective, as printed so far, is not worth going on with."""
        auto = self._config.get("TrainingJobEarlyStoppingType") == "Auto"
        ended = [job["history"] for job in jobs if job["status"] in ("Completed", "Stopped")]
        for number, (trial, job) in enumerate(zip(record["trials"], jobs, strict=True)):
            history = job["history"]
            if job["status"] != "InProgress" or self._judged.get(trial["name"], 0) == len(history):
                continue
            self._judged[trial["name"]] = len(history)
            hopeless = auto and worse_than_median(history, ended, maximize=self._maximize)
            if hopeless or (self._hyperband and self._hyperband.should_stop(number, history)):
                self._stop([trial["name"]])

    def _propose(self) -> Trial | None:
        """Asks the search for a try, records it, starts it; None when there is no more."""
        most = self._config["ResourceLimits"].get("MaxNumberOfTrainingJobs")
        count = len(self._record()["trials"])
        asked = self._search.ask() if most is None or count < most else None
        if asked is None:
            self._exhausted = True
            return None
        number, values = asked
        name = tuning_state.training_job_name(self._name, count + 1)
        trial: Trial = {"name": name, "values": values}
        self._update(lambda record, now: record["trials"].append(trial))
        self._numbers[name] = number
        self._launch(trial)
        return trial

    def _launch(self, trial: Trial) -> None:
        request = tuning_state.training_request(self._request, trial["name"], trial["values"])
        arn = self._context.arn("sagemaker", f"hyper-parameter-tuning-job/{self._name}")
        self._patiently(lambda: self._jobs.create(request, arn))

    def _stop(self, names: list[str]) -> None:
        for name in names:
            with contextlib.suppress(Missing):  # deleted meanwhile
                self._patiently(partial(self._jobs.request_stop, name))

    def _end(self, status: str, reason: str | None = None) -> bool:
        def change(record: TuningJob, now: float) -> None:
            record["status"] = "Stopped" if record["status"] == "Stopping" and status == "Completed" else status
            record["ended"] = now
            if reason:
                record["failure"] = reason[: training_state.FAILURE_LIMIT]

        self._update(change)
        return True
