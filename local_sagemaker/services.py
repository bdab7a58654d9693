"""Which services this server has, which operations each has, and how its parts are put together. The one place to add one."""

from collections.abc import Mapping, Sequence
from dataclasses import fields

from .containers.backends import Backends
from .context import Context, Lifecycle, Platform
from .endpoints import endpoints, models_and_configs
from .endpoints.running_endpoints import RunningEndpoints
from .identity import iam, sts
from .jobs import processing, training, tuning
from .jobs.processing_jobs import ProcessingJobs
from .jobs.rule_evaluations import RuleEvaluations
from .jobs.training_jobs import TrainingJobs
from .jobs.tuning_jobs import TuningJobs
from .logs import cloudwatch_logs
from .protocol import tags
from .protocol.operation import Operation
from .reconcile import Reconcile
from .registry import ecr, ecr_images
from .transform import operations as transform
from .transform.running_transforms import RunningTransforms

OPERATIONS: Mapping[str, Mapping[str, Operation]] = {
    "sagemaker": {
        **training.OPERATIONS,
        **processing.OPERATIONS,
        **transform.OPERATIONS,
        **tuning.OPERATIONS,
        **models_and_configs.OPERATIONS,
        **endpoints.OPERATIONS,
        **tags.OPERATIONS,
    },
    "ecr": {**ecr.OPERATIONS, **ecr_images.OPERATIONS},
    "logs": cloudwatch_logs.OPERATIONS,
    "iam": iam.OPERATIONS,
    "sts": sts.OPERATIONS,
}


def assemble(context: Context) -> tuple[Platform, Sequence[Lifecycle]]:
    """Builds the parts that run containers; returns the platform, and the parts to start in order and to stop in reverse."""
    backends = Backends(context)
    processing_jobs = ProcessingJobs(context, backends)
    training_jobs = TrainingJobs(context, backends, RuleEvaluations(context, processing_jobs))
    tuning_jobs = TuningJobs(context, training_jobs)
    transform_jobs = RunningTransforms(context, backends)
    running_endpoints = RunningEndpoints(context, backends)
    platform = Platform(
        **{field.name: getattr(context, field.name) for field in fields(Context)},
        training_jobs=training_jobs,
        processing_jobs=processing_jobs,
        tuning_jobs=tuning_jobs,
        transform_jobs=transform_jobs,
        endpoints=running_endpoints,
    )
    parts: list[Lifecycle] = [
        Reconcile(context, backends),
        processing_jobs,
        training_jobs,
        tuning_jobs,
        transform_jobs,
        running_endpoints,
    ]
    return platform, parts
