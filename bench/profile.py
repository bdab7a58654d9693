"""What looking inside costs: CPU time of a training step with hooks and profile, as a ratio to the same step without.

`python -m bench.profile`: the real train program three times over, each held (SIGSTOP) while another takes its turn, so that
all three meet the same machine. All processes of a job count: training, supervisor, sampler. ResNet18 at 64 pixels, 16 a step,
one thread. One step of each turn saves weights and gradients; what that costs is spread over 100 steps. The sampler works by the
clock: its share of a second is charged for the CPU time of a step, as on a machine that does nothing else. What a job pays once
(the steps whose operators are measured) comes before the first turn and is not in it. Written to bench/results/profile.json.
"""

import argparse
import contextlib
import csv
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from bench import results
from bench.machine import described
from tests.support.train_jobs import ROOT, Container

BATCH = 16


def collection(name: str, interval: int) -> dict:
    return {"CollectionName": name, "CollectionParameters": {"save_interval": str(interval)}}


PLAIN, DEFAULT, FULL = "off", "losses each 10 steps, profile", "and weights, gradients each 100"
LIMITS = {DEFAULT: 1.03, FULL: 1.05}


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU milliseconds: of the training a step, of the sampler a second."""

    step: float
    sampler: float


@dataclass(frozen=True, slots=True)
class Job:
    """A training that runs in turns."""

    container: Container
    process: psutil.Process

    def steps(self) -> int:
        try:
            with (self.container.layout.output_data / "steps.csv").open() as file:
                return sum(1 for _ in csv.reader(file)) - 1
        except FileNotFoundError:
            return 0

    def turn(self, until: int) -> Cost:
        """From where it is to step `until`."""
        before, cpu, sampler, started = self.steps(), self._cpu(), self._cpu("train.profiling.system_sampler"), time.monotonic()
        self._all(psutil.Process.resume)
        while (now := self.steps()) < until:
            if not self.process.is_running() or self.process.status() == psutil.STATUS_ZOMBIE:
                raise SystemExit(f"a training ended at step {now}: {self.container.failure}")
            time.sleep(0.02)
        self._all(psutil.Process.suspend)
        used, seconds = self._cpu("train.profiling.system_sampler") - sampler, time.monotonic() - started
        return Cost(1000 * (self._cpu() - cpu - used) / (self.steps() - before), 1000 * used / seconds)

    def _tree(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]

    def _all(self, do: object) -> None:
        for process in self._tree():
            do(process)

    def _cpu(self, module: str = "") -> float:
        """Seconds of all processes, or of those that run a module."""
        return sum(sum(process.cpu_times()[:2]) for process in self._tree() if not module or module in process.cmdline())


@contextlib.contextmanager
def started(folder: Path, name: str, steps: int, every: int) -> Iterator[Job]:
    """The job, started and held."""
    settings = {"arch": "resnet18", "picture_size": "64", "epochs": "1", "loader_workers": "0", "batch_size": str(BATCH)}
    container = Container(folder, train=20, validation=1, profile="off" if name == PLAIN else "on", **settings)
    _multiply(folder / "input" / "data" / "train", steps * BATCH // 3 + 1)
    saved = [collection("losses", 10)] + [collection(what, every) for what in ("weights", "gradients") if name == FULL]
    if name != PLAIN:
        container.put("debughookconfig", {"CollectionConfigurations": saved})
    environ = dict(os.environ) | {"OMP_NUM_THREADS": "1", "SAGEMAKER_BASE_DIR": str(folder), "TRAINING_JOB_NAME": "bench"}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([sys.executable, "-m", "train"], cwd=ROOT, env=environ, stdout=log, stderr=log)
    job = Job(container, psutil.Process(process.pid))
    try:
        yield job
    finally:
        for one in job._tree():
            with contextlib.suppress(psutil.NoSuchProcess):
                one.send_signal(signal.SIGKILL)
        process.wait()


def _multiply(folder: Path, count: int) -> None:
    """More pictures of each class: further names of those there are."""
    for place in folder.iterdir():
        drawn = sorted(place.iterdir())
        for number in range(len(drawn), count):
            os.link(drawn[number % len(drawn)], place / f"{number:05d}.png")


def measure(rounds: int, every: int, console: Console) -> dict[str, list[float]]:
    """CPU milliseconds a step of each setting, by round. `every`: steps of a turn, of which the middle one saves."""
    found: dict[str, list[float]] = {name: [] for name in (PLAIN, DEFAULT, FULL)}
    warm = every // 2
    steps = warm + every * (rounds + 1)
    with tempfile.TemporaryDirectory(prefix="bench-profile-") as folder, contextlib.ExitStack() as stack:
        jobs = {}
        for number, name in enumerate(found):
            jobs[name] = stack.enter_context(started(Path(folder) / str(number), name, steps, every))
            jobs[name].turn(warm)
            console.print(f"warm: {name}")
        for turn in range(rounds):
            costs = {name: job.turn(warm + every * (turn + 1)) for name, job in jobs.items()}
            plain = costs[PLAIN].step
            charged = {name: cost.step + cost.sampler * plain / 1000 for name, cost in costs.items()}
            charged[FULL] = charged[DEFAULT] + (charged[FULL] - charged[DEFAULT]) * every / 100
            for name, value in charged.items():
                found[name].append(value)
            console.print(f"round {turn + 1}: " + ", ".join(f"{values[-1]:.1f}" for values in found.values()) + " ms a step")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--every", type=int, default=20, help="steps of a turn; 100 to spread nothing")
    given, console, machine = parser.parse_args(), Console(), described()
    found = measure(given.rounds, given.every, console)
    table = Table("setting", "CPU ms a step", "ratio", "of all rounds", "at most")
    rows = {}
    for name, values in found.items():
        ratios = [value / plain for value, plain in zip(values, found[PLAIN], strict=True)]
        row = {
            "cpu_ms": statistics.median(values),
            "ratio": statistics.median(ratios),
            "ratios": ratios,
            "limit": LIMITS.get(name),
        }
        rows[name] = row
        spread = f"{min(ratios):.3f} to {max(ratios):.3f}"
        table.add_row(name, f"{row['cpu_ms']:.1f}", f"{row['ratio']:.3f}", spread, str(LIMITS.get(name, "")))
    console.print(table)
    body = {"machine": machine, "steps_a_turn": given.every, "rounds": given.rounds, "settings": rows}
    results.write("profile", body)
    return int(any(rows[name]["ratio"] > limit for name, limit in LIMITS.items()))


if __name__ == "__main__":
    sys.exit(main())
