"""The transform jobs that run at the moment, and taking up those the last server left. One job is transform_run.py."""

from collections.abc import Mapping
from typing import Any

from ..containers.backends import Backends
from ..context import Context
from ..errors import Exists, in_use
from ..jobs.running_jobs import RunningJobs
from ..protocol import tags
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
        try:
            with self._context.store.transaction():
                self._context.store.create(KIND, name, transform_state.new(kept, model, arn, self._context.clock()))
                tags.keep(self._context.store, arn, request.get("Tags", []))
        except Exists:
            raise in_use(
                f"Job name must be unique within an AWS account and region, and a job with this name already exists ({arn})"
            ) from None
        self._begin(name)
        return arn
