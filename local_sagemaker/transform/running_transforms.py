"""The transform jobs that run at the moment, and taking up those the last server left. One job is transform_run.py."""

from collections.abc import Mapping
from typing import Any

from ..containers.backends import Backends
from ..context import Context
from ..jobs.running_jobs import TAKEN, RunningJobs
from . import transform_state
from .transform_run import PLACE, TransformRun
from .transform_state import KIND, TransformJob


class RunningTransforms(RunningJobs[TransformJob]):
    """Every live transform job of this server."""

    def __init__(self, context: Context, backends: Backends) -> None:
        super().__init__(context, KIND, "Transform job", PLACE, lambda name: TransformRun(context, backends, name))

    def create(self, request: dict[str, Any], model: Mapping[str, Any]) -> str:
        """Records a checked request and starts it with the model that CreateModel was asked for; returns the ARN.

        Raises ResourceInUse when the name is taken.
        """
        name = request["TransformJobName"]
        arn = self._context.arn("sagemaker", f"transform-job/{name}")
        kept = {member: value for member, value in request.items() if member != "Tags"}
        record = transform_state.new(kept, model, arn, self._context.clock())
        return self._create(name, record, request.get("Tags", []), TAKEN)
