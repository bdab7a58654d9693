"""The tuning jobs that run at the moment, and going on with those the last server left. One tuning job is tuning_run.py."""

from ..context import Context
from . import tuning_state
from .training_jobs import TrainingJobs
from .tuning_run import TuningRun
from .tuning_state import KIND


class TuningJobs:
    """Every live tuning job of this server."""

    def __init__(self, context: Context, jobs: TrainingJobs) -> None:
        self._context = context
        self._jobs = jobs
        self._runs: dict[str, TuningRun] = {}

    def start(self) -> None:
        """Goes on with the tuning jobs the last server left. Their training jobs are taken up before (training_jobs.py)."""
        for record in self._context.store.list(KIND):
            if record["status"] in tuning_state.LIVE:
                self.begin(record["request"]["HyperParameterTuningJobName"])

    def stop(self) -> None:
        """No more training jobs are started; their tuning jobs go on at the next start."""
        for run in self._runs.values():
            run.close()

    def begin(self, name: str) -> None:
        """Runs a recorded tuning job."""
        self._runs = {other: run for other, run in self._runs.items() if run.is_alive()}
        run = self._runs[name] = TuningRun(self._context, self._jobs, name)
        run.start()

    def wake(self, name: str) -> None:
        """A stop was recorded."""
        if run := self._runs.get(name):
            run.wake()
