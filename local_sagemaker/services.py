"""Which services this server has, which operations each has, and how its parts are put together. The one place to add one."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from . import iam, logs, sts, tags, training, tuning
from .dispatch import Operation
from .jobs import Jobs
from .process_backend import ProcessBackend
from .tuning_jobs import TuningJobs
from .world import Lifecycle, World

OPERATIONS: Mapping[str, Mapping[str, Operation]] = {
    "sagemaker": {**training.OPERATIONS, **tuning.OPERATIONS, **tags.OPERATIONS},
    "logs": logs.OPERATIONS,
    "iam": iam.OPERATIONS,
    "sts": sts.OPERATIONS,
}


def assemble(world: World) -> tuple[World, Sequence[Lifecycle]]:
    """Adds the parts that run containers to the world; returns it and the parts to start, in order, and stop, in reverse."""
    backend = ProcessBackend(world.images)
    jobs = Jobs(world, backend)
    tuning_jobs = TuningJobs(world, jobs)
    return replace(world, jobs=jobs, tuning=tuning_jobs), [jobs, tuning_jobs]
