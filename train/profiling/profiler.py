"""The profiler of a training: the loop tells it when steps and their parts begin, and it measures them."""

import contextlib
from collections.abc import Iterator
from typing import TypeVar

import torch

from contract.output_data import MACHINE
from contract.reason import first_line
from contract.timeline import EVAL, TRAIN
from train.config import Job
from train.profiling import hardware, profile_settings
from train.profiling.operators import Operators
from train.profiling.timeline import Timeline
from train.ranks import Ranks
from train.report import Report

Item = TypeVar("Item")


class Profiler:
    """Measures the steps of this process."""

    def __init__(self, timeline: Timeline, operators: Operators) -> None:
        self._timeline, self._operators = timeline, operators

    def training(self, batches: Iterator[Item], first: int) -> Iterator[Item]:
        """The batches; each is a training step until the next is asked for, numbered from `first`."""
        for number, batch in enumerate(self._timeline.steps(TRAIN, batches, first), first):
            self._operators.begin(number)
            try:
                yield batch
            finally:
                self._operators.end()

    def evaluation(self, batches: Iterator[Item]) -> Iterator[Item]:
        """The batches; each is an evaluation step until the next is asked for."""
        return self._timeline.steps(EVAL, batches)

    def mark(self, part: str | None) -> None:
        """A part of the step begins, one of contract.timeline.PARTS; None: what follows is none of them."""
        self._timeline.mark(part)

    def close(self) -> None:
        """Write what is left."""
        self._operators.close()
        self._timeline.close()


class NoProfiler:
    """The profiler of a job without a profile; it does nothing."""

    def training(self, batches: Iterator[Item], first: int) -> Iterator[Item]:
        return batches

    def evaluation(self, batches: Iterator[Item]) -> Iterator[Item]:
        return batches

    def mark(self, part: str | None) -> None:
        pass

    def close(self) -> None:
        pass


@contextlib.contextmanager
def closing(profiler: Profiler | NoProfiler) -> Iterator[None]:
    """Closes the profiler at the end, also of a training that fails; why it failed is told before anything of the profile."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(Exception):
            profiler.close()
        raise
    profiler.close()


def make(job: Job, ranks: Ranks, report: Report) -> Profiler | NoProfiler:
    """The profiler that the job asks for. The first rank also writes machine.json."""
    if job.config.profile == "off":
        return NoProfiler()
    settings, folder = profile_settings.read(job.layout), job.layout.output_profiler
    if ranks.first:
        try:
            hardware.write(folder, ranks.device)
        except (OSError, RuntimeError) as error:  # a full disk; a full GPU
            report.say(f"{MACHINE} cannot be written to {folder}: {first_line(error)}; training goes on without")
    timeline = Timeline(
        settings.timeline,
        job.current_host,
        ranks.device,
        report.say,
        rotate_seconds=settings.rotate_seconds,
        rotate_bytes=settings.rotate_bytes,
    )
    steps = job.config.profile_steps if ranks.first else 0
    return Profiler(timeline, Operators(folder, steps, torch.device(ranks.device), report.say))
