"""One job of the train program from start to end, started as SageMaker starts it, and what it cost. Chooses nothing."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from contract import metrics
from contract.layout import Layout

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Ended:
    """Of a job from its start to its end: CPU seconds of all its processes, seconds on the clock, the last of each metric."""

    cpu: float
    seconds: float
    metrics: Mapping[str, float]


def run(folder: Path, hyperparameters: Mapping[str, str], channels: Mapping[str, Path]) -> Ended:
    """Run it with `folder` as its /opt/ml. Raises RuntimeError with the end of its log when it fails."""
    layout = Layout(folder)
    layout.config.mkdir(parents=True)
    for name, place in channels.items():
        layout.channel(name).parent.mkdir(exist_ok=True)
        layout.channel(name).symlink_to(place.resolve())
    for name, body in {
        "hyperparameters": hyperparameters,
        "inputdataconfig": {name: {"TrainingInputMode": "File"} for name in channels},
        "resourceconfig": {"current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "lo"},
        "checkpointconfig": {"S3Uri": "s3://bench/checkpoints/", "LocalPath": "/opt/ml/checkpoints"},
    }.items():
        (layout.config / f"{name}.json").write_text(json.dumps(body))
    own = {"SAGEMAKER_BASE_DIR": str(folder), "OMP_WAIT_POLICY": "PASSIVE"}
    log, started = folder / "log", time.monotonic()
    with log.open("wb") as file:
        program = subprocess.Popen([sys.executable, "-m", "train"], cwd=ROOT, env=os.environ | own, stdout=file, stderr=file)
        _, status, used = os.wait4(program.pid, 0)
    program.returncode = os.waitstatus_to_exitcode(status)
    printed = log.read_text(errors="replace")
    if program.returncode:
        raise RuntimeError(f"{folder.name}: {printed[-500:]}")
    last = {name: values[-1] for name, values in metrics.scan(printed).items() if values}
    return Ended(round(used.ru_utime + used.ru_stime, 2), round(time.monotonic() - started, 2), last)


def pretrained(folder: Path, weights: Path) -> Path:
    """A channel that holds nothing but the weights."""
    folder.mkdir(parents=True)
    (folder / weights.name).symlink_to(weights.resolve())
    return folder
