"""Real training jobs for tests: drawn pictures under a private /opt/ml, and the `train` program started as SageMaker does.

`Nursery` keeps a process that has imported the training program and forks it for each attempt: importing takes seconds,
and tests that kill a job many times need not wait for it each time. What runs in the child is the real training process.
"""

import atexit
import csv
import functools
import json
import math
import os
import random
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

from contract.layout import Layout
from train.config import Job, parse

ROOT = Path(__file__).resolve().parents[2]
ENVIRON = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
"""So small a network gains nothing from threads, and on a busy machine they wait for each other. A GPU would give other numbers:
what one does is tested by itself (test_gpu)."""
SMALL = {"arch": "shufflenet_v2_x0_5", "picture-size": "32", "batch-size": "8", "train-layers": "all", "epochs": "2"}
SMALL |= {"export": "weights", "profile": "off"}
"""Hyperparameters of a job whose steps take hundredths of a second. Converting the network and measuring operators would take
seconds, two thirds of such a job."""
WHOLE = {"export": "full", "profile": "on"}
"""What the program does unless told otherwise: for tests of what comes of these two."""
CLASSES = ("a", "b", "c")


def draw(folder: Path, split: str, count: int, classes: tuple[str, ...] = CLASSES) -> None:
    """`count` pictures of each class: a disc, a frame or a cross, of random colour and place."""
    for label, name in enumerate(classes):
        (folder / split / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            choice = random.Random(f"{split} {name} {number}")
            picture = Image.new("RGB", (48, 40), tuple(choice.randrange(256) for _ in range(3)))
            pen, colour = ImageDraw.Draw(picture), tuple(choice.randrange(256) for _ in range(3))
            x, y = choice.randrange(4, 20), choice.randrange(4, 12)
            if label % 3 == 0:
                pen.ellipse((x, y, x + 24, y + 24), fill=colour)
            elif label % 3 == 1:
                pen.rectangle((x, y, x + 24, y + 24), outline=colour, width=4)
            else:
                pen.line((x, y, x + 24, y + 24), fill=colour, width=6)
                pen.line((x, y + 24, x + 24, y), fill=colour, width=6)
            picture.save(folder / split / name / f"{number:03d}.png")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run of the program ended."""

    code: int
    out: str
    err: str
    seconds: float


class Container:
    """A private /opt/ml with one job in it."""

    def __init__(
        self,
        base: Path,
        *,
        train: int = 8,
        validation: int = 4,
        test: int = 0,
        hosts: tuple[str, ...] = ("algo-1",),
        **settings: str,
    ) -> None:
        """`settings`: hyperparameters over the small ones, with underscores for dashes."""
        self.base, self.layout = base, Layout(base)
        self.layout.config.mkdir(parents=True)
        for split, count in (("train", train), ("validation", validation), ("test", test)):
            if count:
                draw(base / "input" / "data", split, count)
        self.hyperparameters = SMALL | {name.replace("_", "-"): value for name, value in settings.items()}
        self.configure(self.hyperparameters)
        self.put("resourceconfig", {"current_host": hosts[0], "hosts": list(hosts), "network_interface_name": "lo"})

    def put(self, name: str, body: object) -> None:
        (self.layout.config / f"{name}.json").write_text(json.dumps(body))

    def configure(self, hyperparameters: dict[str, str]) -> None:
        channels = sorted(path.name for path in (self.base / "input" / "data").iterdir())
        self.put("hyperparameters", hyperparameters)
        self.put("inputdataconfig", {name: {"TrainingInputMode": "File"} for name in channels})

    def start(self, *, file_limit: int | None = None, **environ: str) -> subprocess.Popen[str]:
        """`python -m train train`; `file_limit`: bytes no file may exceed."""
        limit = (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))) if file_limit else None
        process = subprocess.Popen(
            [sys.executable, "-m", "train", "train"],
            cwd=ROOT,
            env=dict(os.environ) | ENVIRON | {"SAGEMAKER_BASE_DIR": str(self.base)} | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            preexec_fn=limit,
        )
        atexit.register(process.kill)  # a test that fails leaves it running; of one that has ended nothing happens
        return process

    def run(self, *, file_limit: int | None = None, **environ: str) -> Ended:
        started = time.monotonic()
        return ended(self.start(file_limit=file_limit, **environ), started)

    @property
    def failure(self) -> str:
        return self.layout.failure.read_text(encoding="utf-8") if self.layout.failure.exists() else ""

    def steps(self) -> list[dict[str, str]]:
        """The rows of steps.csv."""
        path = self.layout.output_data / "steps.csv"
        return list(csv.DictReader(path.open())) if path.exists() else []

    def checkpoints(self) -> list[int]:
        """Steps with a finished checkpoint, the oldest first."""
        return sorted(int(path.stem.removeprefix("step-")) for path in self.layout.checkpoints.glob("step-*.json"))

    def job(self) -> Job:
        """The job as the program reads it."""
        return Job(
            config=parse(self.hyperparameters),
            base=self.base,
            name="",
            channels=tuple(path.name for path in (self.base / "input" / "data").iterdir()),
            hosts=("algo-1",),
            current_host="algo-1",
            network_interface="lo",
            gpus=0,
            checkpoints=self.layout.checkpoints,
            hook_config=None,
        )


def ended(process: subprocess.Popen[str], started: float = math.nan, timeout: float = 120) -> Ended:
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return Ended(process.returncode, out, err, time.monotonic() - started)


def wait_until(true: Callable[[], object], seconds: float = 120, interval: float = 0.002) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"nothing within {seconds} s"
        time.sleep(interval)


_NURSERY = """
import json, os, resource, sys
from torchvision import models
from train import worker
from train.export import artefact
print("ready", flush=True)
for line in sys.stdin:
    folder, limit = json.loads(line)
    pid = os.fork()
    if pid == 0:
        os.setsid()
        log = os.open(folder + "/log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1), os.dup2(log, 2)
        if limit:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        sys.argv = ["worker", folder]
        sys.exit(worker.main())
    print(pid, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


class Nursery:
    """Forks training processes, one at a time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _NURSERY],
            cwd=ROOT,
            env=dict(os.environ) | ENVIRON,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self._running: int | None = None
        assert self._line() == "ready"

    def _line(self, seconds: float = 90) -> str:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], seconds)
        assert ready, f"no answer within {seconds} s"
        return self._process.stdout.readline().strip()

    def start(self, container: Container, folder: Path, file_limit: int | None = None) -> "Attempt":
        """A training process for the container's job; `folder`: its private one, new for each attempt."""
        if self._running is not None:  # a test that failed left it behind
            os.kill(self._running, signal.SIGKILL)
            self.wait()
        folder.mkdir()
        container.job().save(folder / "job.json")
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([str(folder), file_limit]) + "\n")
        self._running = int(self._line())
        return Attempt(self, self._running, folder)

    def wait(self) -> int:
        """The exit status of the process that runs, negative for a signal."""
        status, self._running = int(self._line()), None
        return status

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@functools.cache
def nursery() -> Nursery:
    """The one nursery of this test run."""
    made = Nursery()
    atexit.register(made.close)
    return made


@dataclass(frozen=True, slots=True)
class Attempt:
    """One training process. Its log, its stop marker and its failure record lie in `folder`."""

    nursery: Nursery
    pid: int
    folder: Path

    def stop(self) -> None:
        (self.folder / "stop").touch()

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> int:
        """The exit status, negative for a signal."""
        return self.nursery.wait()

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    @property
    def failure(self) -> dict:
        path = self.folder / "failure-0.json"
        return json.loads(path.read_text()) if path.exists() else {}

    @property
    def reason(self) -> str:
        """The first line of the failure as the program would write it, `Kind: message`."""
        return f"{self.failure['kind']}: {self.failure['message']}" if self.failure else ""
