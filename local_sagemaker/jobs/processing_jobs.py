"""The processing jobs that run at the moment, and taking up those the last server left. One job is processing_run.py."""

from typing import Any

from ..containers.backends import Backends
from ..context import Context
from . import processing_state
from .processing_run import ProcessingRun
from .processing_state import KIND, ProcessingJob
from .running_jobs import TAKEN, RunningJobs


class ProcessingJobs(RunningJobs[ProcessingJob]):
    """Every live processing job of this server."""

    def __init__(self, context: Context, backends: Backends) -> None:
        super().__init__(context, KIND, "Processing job", "processing", lambda name: ProcessingRun(context, backends, name))

    def create(self, request: dict[str, Any], training_job_arn: str | None = None) -> str:
        """Records a checked request and starts it; returns the ARN. Raises ResourceInUse when the name is taken."""
        name = request["ProcessingJobName"]
        arn = self._context.arn("sagemaker", f"processing-job/{name}")
        kept = {member: value for member, value in request.items() if member != "Tags"}
        record = processing_state.new(kept, arn, self._context.clock(), training_job_arn)
        return self._create(name, record, request.get("Tags", []), TAKEN)
