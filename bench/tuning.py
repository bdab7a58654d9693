"""What twenty trials of a new head cost: on features that one job kept, and on the pictures, side by side in one run.

`python -m bench.tuning`: the train program is started as SageMaker starts it, in turn: a trial on pictures, the job that keeps
features, trials on these, one of them of one epoch, and a trial of two pictures, which is what starting costs. CPU seconds of
all their processes, medians over the rounds; written to bench/results/tuning.json. More trials than were run are sums, and the
table says so. `work`: without what every job pays to start.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import jobs, results
from bench.jobs import Ended
from bench.machine import described
from bench.pictures import DATA, require
from contract.layout import Layout

TRIALS = (1, 5, 20, 100)
HEADS = 3
"""Trials on features in each round; one takes seconds."""
RATES = ("0.001", "0.003", "0.01")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA / "dogs", help="a folder with train and valid (default: %(default)s)")
    parser.add_argument("--weights", type=Path, default=DATA / "weights" / "resnet18-imagenet.pth", help="(default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=2, help="(default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=5, help="of a trial, two or more (default: %(default)s)")
    parser.add_argument("--measured", type=int, help="epochs of the plain trial that is run; more are a sum (default: all)")
    parser.add_argument("--picture-size", type=int, default=224, help="(default: %(default)s)")
    parser.add_argument("--views", type=int, default=2, help="augmented views that are kept (default: %(default)s)")
    parser.add_argument("--precision", default="auto", help="of training steps, both ways (default: %(default)s)")
    line = parser.parse_args()
    require(parser, line.data, line.weights)
    costs: dict[str, list[Ended]] = {"plain": [], "features": [], "head": [], "short head": [], "start": []}
    with tempfile.TemporaryDirectory(prefix="bench-tuning-") as folder:
        for number in range(line.rounds):
            _round(Path(folder, str(number)), line, costs)
    result = _result(line, costs)
    results.write("tuning", result)
    _print(result)
    return 0


def _round(folder: Path, line: argparse.Namespace, costs: dict[str, list[Ended]]) -> None:
    weights = jobs.pretrained(folder / "pretrained", line.weights)
    pictures = {"train": line.data / "train", "validation": line.data / "valid", "pretrained": weights}
    two = {"train": _two(folder / "two", line.data / "train"), "pretrained": weights}
    common = {"arch": "resnet18", "train-layers": "head", "epochs": str(line.epochs), "views": str(line.views)}
    common |= {"picture-size": str(line.picture_size), "precision": line.precision}
    trial = common | {"batch-size": "32", "export": "weights"}
    measured = {"epochs": str(line.measured or line.epochs)}
    costs["plain"].append(_job(folder / "plain", trial | measured | {"lr": RATES[0]}, pictures))
    costs["features"].append(_job(folder / "features", common | {"task": "features"}, pictures))
    kept = {"features": Layout(folder / "features").checkpoints}
    for number, rate in enumerate(RATES[:HEADS]):
        costs["head"].append(_job(folder / f"head-{number}", trial | {"lr": rate}, kept))
    costs["short head"].append(_job(folder / "short-head", trial | {"lr": RATES[0], "epochs": "1"}, kept))
    costs["start"].append(_job(folder / "start", trial | {"epochs": "1"}, two | {"validation": two["train"]}))


def _two(folder: Path, pictures: Path) -> Path:
    """One picture of each of two classes."""
    for source in sorted(path for path in pictures.iterdir() if path.is_dir())[:2]:
        (folder / source.name).mkdir(parents=True)
        picture = min(source.iterdir())
        shutil.copy(picture, folder / source.name / picture.name)
    return folder


def _job(folder: Path, hyperparameters: dict[str, str], channels: dict[str, Path]) -> Ended:
    ended = jobs.run(folder, hyperparameters, channels)
    print(f"{folder.parent.name} {folder.name}: {ended.cpu:.1f} CPU s, {ended.seconds:.1f} s", flush=True)
    return ended


def _result(line: argparse.Namespace, costs: dict[str, list[Ended]]) -> dict:
    cpu = {name: statistics.median(cost.cpu for cost in found) for name, found in costs.items()}
    # With a few pictures a trial costs what starting it costs, and a pass no more than the hundredth to which costs are rounded.
    one_pass = max(0.01, cpu["plain"] - cpu["start"]) / (line.measured or line.epochs)
    trial = cpu["start"] + line.epochs * one_pass
    # Of a trial on features, without its start; never below nothing, for the two are a few hundredths of a second apart.
    head = max(0.0, cpu["head"] - cpu["short head"]) / (line.epochs - 1) * line.epochs
    rows = []
    for trials in TRIALS:
        plain, kept = trials * trial, cpu["features"] + trials * cpu["head"]
        passes = {"plain_passes": plain / one_pass, "features_passes": kept / one_pass}
        passes["features_passes_of_work"] = (cpu["features"] - cpu["start"] + trials * head) / one_pass
        rows.append({"trials": trials, "plain_cpu": plain, "features_cpu": kept, "ratio": plain / kept} | passes)
    return {
        "machine": described(),
        "settings": {
            "epochs": line.epochs,
            "measured_epochs": line.measured or line.epochs,
            "views": line.views,
            "picture_size": line.picture_size,
            "precision": line.precision,
            "rounds": line.rounds,
            "pictures": line.data.name,
        },
        "cpu_seconds": cpu | {"pass": one_pass, "plain_trial": trial},
        "runs": {name: [asdict(cost) for cost in found] for name, found in costs.items()},
        "by_trials": [{name: round(value, 2) for name, value in row.items()} for row in rows],
    }


def _print(result: dict) -> None:
    cpu = result["cpu_seconds"]
    table = Table(title=f"trials of {result['settings']['epochs']} epochs, CPU seconds; plain ones beyond the measured are sums")
    for title in ("trials", "on pictures", "on features", "ratio", "in passes: plain", "features", "its work"):
        table.add_column(title, justify="right")
    for row in result["by_trials"]:
        values = (
            row[name]
            for name in ("plain_cpu", "features_cpu", "ratio", "plain_passes", "features_passes", "features_passes_of_work")
        )
        table.add_row(str(row["trials"]), *(f"{value:,.1f}" for value in values))
    console = Console(width=110)
    console.print(table)
    console.print(", ".join(f"{name} {value:.1f}" for name, value in cpu.items()) + " CPU s")


if __name__ == "__main__":
    sys.exit(main())
