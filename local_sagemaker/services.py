"""Which services this server has, which operations each has, and how its parts are put together. The one place to add one."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from .containers.backends import Backends
from .context import Context, Lifecycle
from .endpoints import endpoints, models_and_configs
from .endpoints.running_endpoints import LiveEndpoints
from .identity import iam, sts
from .jobs import processing, training, tuning
from .jobs.processing_jobs import ProcessingJobs
from .jobs.rule_evaluations import RuleEvaluations
from .jobs.training_jobs import Jobs
from .jobs.tuning_jobs import TuningJobs
from .logs import cloudwatch_logs
from .protocol import tags
from .protocol.operation import Operation
from .reconcile import Reconcile
from .registry import ecr, ecr_images

OPERATIONS: Mapping[str, Mapping[str, Operation]] = {
    "sagemaker": {
        **training.OPERATIONS,
        **processing.OPERATIONS,
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


def assemble(context: Context) -> tuple[Context, Sequence[Lifecycle]]:
    """Adds the parts that run containers to the context; returns it and the parts to start, in order, and stop, in reverse."""
    backends = Backends(context)
    processing_jobs = ProcessingJobs(context, backends)
    jobs = Jobs(context, backends, RuleEvaluations(context, processing_jobs))
    tuning_jobs = TuningJobs(context, jobs)
    endpoints = LiveEndpoints(context, backends)
    return replace(context, jobs=jobs, processing=processing_jobs, tuning=tuning_jobs, endpoints=endpoints), [
        Reconcile(context, backends),
        processing_jobs,
        jobs,
        tuning_jobs,
        endpoints,
    ]
