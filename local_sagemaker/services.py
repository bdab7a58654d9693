"""Which services this server has, which operations each has, and how its parts are put together. The one place to add one."""

from collections.abc import Mapping, Sequence

from . import iam, logs, sts
from .dispatch import Operation
from .world import Lifecycle, World

OPERATIONS: Mapping[str, Mapping[str, Operation]] = {
    "sagemaker": {},
    "logs": logs.OPERATIONS,
    "iam": iam.OPERATIONS,
    "sts": sts.OPERATIONS,
}


def assemble(world: World) -> tuple[World, Sequence[Lifecycle]]:
    """Adds the parts that run containers to the world; returns it and the parts to start, in order, and stop, in reverse."""
    return world, []
