"""How the cost of a training job grows with its pictures and with its classes.

`python -m bench.growth`: ResNet18 at 64 pixels, a new head, one epoch, then the artefact in float32; CPU seconds of all processes
of the train program, medians over the rounds. The pictures are copies of the same photographs and their classes are made up, so
what they teach is nothing and accuracy is not looked at. Written to bench/results/growth.json. bench.tuning and bench.serving say
how cost grows with trials and connections. It does not show larger pictures, where each costs more, or more pictures than
memory holds.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import jobs, results
from bench.machine import described
from bench.pictures import DATA, require
from contract.layout import Layout

PICTURES, CLASSES = (500, 1_000, 2_000, 4_000), (10, 100, 1_000)
FEW, SOME = 10, 2_000
"""Classes while pictures grow, and pictures while classes grow."""
HYPERPARAMETERS = {
    "train-layers": "head",
    "picture-size": "64",
    "batch-size": "32",
    "epochs": "1",
    "profile": "off",
    "serve-precision": "float32",
}
"""Judging int8 would begin at 100 validation pictures, a step among the small jobs that growth does not make."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photographs", type=Path, default=DATA / "dogs" / "train", help="a folder of JPEG files")
    parser.add_argument("--weights", type=Path, default=DATA / "weights" / "resnet18-imagenet.pth")
    parser.add_argument("--pictures", type=int, nargs="+", default=PICTURES, help="how many, in turn, of ten classes")
    parser.add_argument("--classes", type=int, nargs="+", default=CLASSES, help="how many, in turn, of 2,000 pictures")
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    require(parser, given.photographs, given.weights)
    photographs = sorted(given.photographs.rglob("*.jpg"))
    asked = [(count, FEW) for count in given.pictures] + [(SOME, count) for count in given.classes]
    seen: dict[tuple[int, int], list[tuple[float, float]]] = {}
    machine = described()
    for number in range(given.rounds):
        for pictures, classes in dict.fromkeys(asked):
            with tempfile.TemporaryDirectory(prefix="bench-growth-") as folder:
                found = _job(Path(folder), photographs, given.weights, pictures, classes)
            seen.setdefault((pictures, classes), []).append(found)
            print(f"round {number + 1}: {pictures:,} pictures, {classes:,} classes: {found[0]:.1f} CPU s", flush=True)
    rows = []
    for (pictures, classes), values in seen.items():
        cpu, size = (statistics.median(column) for column in zip(*values, strict=True))
        rows.append({"pictures": pictures, "classes": classes, "cpu_s": round(cpu, 2), "model_mb": round(size, 1)})
    results.write("growth", {"machine": machine, "rounds": given.rounds, "hyperparameters": HYPERPARAMETERS, "rows": rows})
    table = Table("pictures", "classes", "CPU s", "CPU ms a picture", "model MB", title="a training job, start and end included")
    for row in rows:
        share = f"{1000 * row['cpu_s'] / row['pictures']:.1f}"
        table.add_row(f"{row['pictures']:,}", f"{row['classes']:,}", f"{row['cpu_s']:.1f}", share, f"{row['model_mb']:.1f}")
    Console().print(table)
    return 0


def _job(folder: Path, photographs: list[Path], weights: Path, pictures: int, classes: int) -> tuple[float, float]:
    """CPU seconds, and megabytes of the model."""
    for split, count in (("train", pictures), ("validation", max(classes, pictures // 10))):
        for number in range(count):
            label = folder / split / f"{number % classes:04d}"
            label.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(photographs[number % len(photographs)], label / f"{number:06d}.jpg")
    channels = {"train": folder / "train", "validation": folder / "validation"}
    channels["pretrained"] = jobs.pretrained(folder / "pretrained", weights)
    ended = jobs.run(folder / "ml", HYPERPARAMETERS, channels)
    return ended.cpu, sum(file.stat().st_size for file in Layout(folder / "ml").model.iterdir()) / 1e6


if __name__ == "__main__":
    sys.exit(main())
