"""The processing jobs that run at the moment, and taking up those the last server left. One job is processing_run.py."""

from typing import Any

from . import processing_state, tags
from .backends import Backends
from .errors import Exists, in_use
from .live_jobs import LiveJobs
from .processing_run import ProcessingRun
from .processing_state import KIND
from .world import World


class ProcessingJobs(LiveJobs):
    """Every live processing job of this server."""

    def __init__(self, world: World, backends: Backends) -> None:
        super().__init__(world, KIND, "Processing job", "processing", lambda name: ProcessingRun(world, backends, name))

    def create(self, request: dict[str, Any], training_job_arn: str | None = None) -> str:
        """Records a checked request and starts it; returns the ARN. Raises ResourceInUse when the name is taken."""
        name = request["ProcessingJobName"]
        arn = self._world.arn("sagemaker", f"processing-job/{name}")
        kept = {member: value for member, value in request.items() if member != "Tags"}
        try:
            with self._world.store.transaction():
                self._world.store.create(KIND, name, processing_state.new(kept, arn, self._world.clock(), training_job_arn))
                tags.keep(self._world.store, arn, request.get("Tags", []))
        except Exists:
            raise in_use(
                f"Job name must be unique within an AWS account and region, and a job with this name already exists ({arn})"
            ) from None
        self._begin(name)
        return arn
