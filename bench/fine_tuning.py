"""`python -m bench.fine_tuning [SEEDS]`: a frozen backbone with a new head against `kennel train --fine-tune`, on real dogs.

Each seed trains both ways through the train program, one after the other. Validation says which is better; the test split is
only reported. Its 404 pictures give a standard error of about 1.5 points to one run, and a few per cent of its labels are wrong.
Writes bench/results/fine_tuning.json after every run, so that what was measured stays when it is interrupted.
"""

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.machine import processor
from contract import cgroup
from scripts.config import FINE_TUNE, PRETRAINED

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
RESULTS = ROOT / "bench" / "results" / "fine_tuning.json"
WAYS = {"frozen": PRETRAINED, "fine-tune": FINE_TUNE}


def main() -> int:
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    if not (DATA / "dogs").is_dir():
        print("no real pictures: ../shared/data is absent", file=sys.stderr)
        return 2
    rows: list[dict[str, Any]] = []
    for seed in range(seeds):
        for way, hyperparameters in WAYS.items():
            rows.append({"way": way, "seed": seed, **run(hyperparameters | {"seed": str(seed)})})
            print(json.dumps(rows[-1]), flush=True)
            about = {"processor": processor(), "cpus": cgroup.cpus(), "hyperparameters": WAYS}
            RESULTS.write_text(json.dumps(about | {"summary": _summary(rows), "runs": rows}, indent=1) + "\n")
    return 0


def run(hyperparameters: dict[str, str]) -> dict[str, float]:
    """One job: its last metrics, wall and CPU seconds. Raises CalledProcessError when it fails."""
    base = Path(tempfile.mkdtemp(prefix="bench-fine-tuning-"))
    channels = {"train": "train", "validation": "valid", "test": "test"}
    settings = base / "input" / "config"
    settings.mkdir(parents=True)
    (base / "input" / "data" / "pretrained").mkdir(parents=True)
    for channel, split in channels.items():
        (base / "input" / "data" / channel).symlink_to(DATA / "dogs" / split)
    shutil.copy(DATA / "weights" / "resnet18-imagenet.pth", base / "input" / "data" / "pretrained")
    bodies = {
        "hyperparameters": hyperparameters,
        "inputdataconfig": {name: {"TrainingInputMode": "File"} for name in (*channels, "pretrained")},
        "resourceconfig": {"current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "lo"},
    }
    for name, body in bodies.items():
        (settings / f"{name}.json").write_text(json.dumps(body))
    environ = os.environ | {"SAGEMAKER_BASE_DIR": str(base), "OMP_WAIT_POLICY": "PASSIVE"}
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    try:
        done = subprocess.run([sys.executable, "-m", "train"], cwd=ROOT, env=environ, check=True, capture_output=True, text=True)
    finally:
        shutil.rmtree(base, ignore_errors=True)
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - started
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    lines = [line.removeprefix("metric ").rstrip(";") for line in done.stdout.splitlines() if line.startswith("metric ")]
    last = {name: float(value) for name, value in (line.split("=") for line in lines)}
    wanted = ("validation:accuracy", "validation:loss", "test:accuracy", "test:loss")
    return {name: last[name] for name in wanted} | {"wall_s": round(wall, 1), "cpu_s": round(cpu, 1)}


def _summary(rows: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    found = {}
    for way in WAYS:
        own = [row for row in rows if row["way"] == way]
        for name in ("validation:accuracy", "test:accuracy", "wall_s", "cpu_s") if own else ():
            values = [row[name] for row in own]
            spread = statistics.stdev(values) if len(values) > 1 else 0.0
            found.setdefault(way, {})[name] = round(statistics.mean(values), 4)
            found[way][f"{name} spread"] = round(spread, 4)
    return found


if __name__ == "__main__":
    sys.exit(main())
