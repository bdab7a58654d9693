"""`python -m bench.fine_tuning`: a frozen backbone with a new head against `kennel train --fine-tune`, on real dogs.

Each seed trains both ways through the train program, one after the other. Validation says which is better; the test split is
only reported. Its 404 pictures give a standard error of about 1.5 points to one run, and a few per cent of its labels are wrong.
Writes bench/results/fine_tuning.json after every run, so that what was measured stays when it is interrupted.
"""

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench import jobs, results
from bench.machine import described
from bench.pictures import DATA, require
from contract.splits import FOLDERS
from scripts.cli.presets import FINE_TUNE, PRETRAINED

WAYS = {"frozen": PRETRAINED, "fine-tune": FINE_TUNE}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--data", type=Path, default=DATA / "dogs", help="a folder with train, valid and test")
    parser.add_argument("--weights", type=Path, default=DATA / "weights" / "resnet18-imagenet.pth")
    given = parser.parse_args()
    require(parser, given.data, given.weights)
    rows: list[dict[str, Any]] = []
    for seed in range(given.seeds):
        for way, hyperparameters in WAYS.items():
            rows.append({"way": way, "seed": seed, **run(hyperparameters | {"seed": str(seed)}, given.data, given.weights)})
            print(json.dumps(rows[-1]), flush=True)
            about = {"machine": described(), "hyperparameters": WAYS}
            results.write("fine_tuning", about | {"summary": _summary(rows), "runs": rows})
    return 0


def run(hyperparameters: dict[str, str], data: Path, weights: Path) -> dict[str, float]:
    """One job: its last metrics, wall and CPU seconds. Raises RuntimeError when it fails."""
    with tempfile.TemporaryDirectory(prefix="bench-fine-tuning-") as folder:
        channels = {channel: data / split for channel, split in FOLDERS.items()}
        channels["pretrained"] = jobs.pretrained(Path(folder, "pretrained"), weights)
        ended = jobs.run(Path(folder, "ml"), hyperparameters, channels)
    wanted = ("validation:accuracy", "validation:loss", "test:accuracy", "test:loss")
    return {name: ended.metrics[name] for name in wanted} | {"wall_s": ended.seconds, "cpu_s": ended.cpu}


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
