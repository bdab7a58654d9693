"""Which services this server has, which operations each has, and how its parts are put together. The one place to add one."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from . import ecr, ecr_images, endpoint_operations, hosting, iam, logs, processing, sts, tags, training, tuning
from .backends import Backends
from .dispatch import Operation
from .endpoints import LiveEndpoints
from .jobs import Jobs
from .processing_jobs import ProcessingJobs
from .reconcile import Reconcile
from .rule_evaluations import RuleEvaluations
from .tuning_jobs import TuningJobs
from .world import Lifecycle, World

OPERATIONS: Mapping[str, Mapping[str, Operation]] = {
    "sagemaker": {
        **training.OPERATIONS,
        **processing.OPERATIONS,
        **tuning.OPERATIONS,
        **hosting.OPERATIONS,
        **endpoint_operations.OPERATIONS,
        **tags.OPERATIONS,
    },
    "ecr": {**ecr.OPERATIONS, **ecr_images.OPERATIONS},
    "logs": logs.OPERATIONS,
    "iam": iam.OPERATIONS,
    "sts": sts.OPERATIONS,
}


def assemble(world: World) -> tuple[World, Sequence[Lifecycle]]:
    """Adds the parts that run containers to the world; returns it and the parts to start, in order, and stop, in reverse."""
    backends = Backends(world)
    processing_jobs = ProcessingJobs(world, backends)
    jobs = Jobs(world, backends, RuleEvaluations(world, processing_jobs))
    tuning_jobs = TuningJobs(world, jobs)
    endpoints = LiveEndpoints(world, backends)
    return replace(world, jobs=jobs, processing=processing_jobs, tuning=tuning_jobs, endpoints=endpoints), [
        Reconcile(world, backends),
        processing_jobs,
        jobs,
        tuning_jobs,
        endpoints,
    ]
