"""Folders of jobs for the report's tests, laid out as under /opt/ml, with numbers that are known."""

import csv
import io
import json
import math
import random
from collections.abc import Iterable, Sequence
from pathlib import Path

from PIL import Image

from tests.support import saved_profile, saved_tensors

CLASSES = ("001.Akita", "002.Beagle", "003.Corgi")


def whole(folder: Path) -> Path:
    """A job with everything."""
    learnt(folder)
    predictions(folder)
    pictures(folder)
    manifest(folder)
    tensors(folder / "output" / "tensors")
    profile(folder / "output" / "profiler")
    records(folder)
    return folder


def data(folder: Path) -> Path:
    place = folder / "output" / "data"
    place.mkdir(parents=True, exist_ok=True)
    return place


def learnt(folder: Path, steps: int = 60, epochs: int = 3) -> None:
    """steps.csv and history.json: the loss of step n is 2/n."""
    each = steps // epochs
    lines = [f"{step},{1 + (step - 1) // each},{0.01 / step!r},{2 / step!r},abcd" for step in range(1, steps + 1)]
    (data(folder) / "steps.csv").write_text("\n".join(["step,epoch,lr,loss,pictures", *lines]) + "\n")
    rows = [
        {
            "epoch": epoch,
            "train:loss": 2 / epoch,
            "train:accuracy": 0.2 * epoch,
            "validation:loss": 2.5 / epoch,
            "validation:accuracy": 0.25 * epoch,
        }
        for epoch in range(1, epochs + 1)
    ]
    (data(folder) / "history.json").write_text(json.dumps(rows))


Row = tuple[str, str, str, float | None]
ROWS: tuple[Row, ...] = (
    ("test/001.Akita/a.png", "001.Akita", "001.Akita", 0.9),
    ("test/001.Akita/b.png", "001.Akita", "002.Beagle", 0.6),
    ("test/002.Beagle/c.png", "002.Beagle", "001.Akita", 0.99),
    ("test/003.Corgi/d.png", "003.Corgi", "003.Corgi", 0.7),
)


def predictions(folder: Path, rows: Iterable[Row] = ROWS, split: str = "test") -> None:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("picture", "class", "predicted", "probability"))
    writer.writerows(rows)
    (data(folder) / f"predictions-{split}.csv").write_text(text.getvalue())


def pictures(folder: Path, rows: Iterable[Row] = ROWS) -> None:
    for index, (name, *_) in enumerate(rows):
        path = folder / "input" / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (300, 200), (60 * index, 100, 50)).save(path)


def manifest(folder: Path, **hyperparameters: object) -> None:
    body = {
        "architecture": "resnet18",
        "classes": list(CLASSES),
        "metrics": {"test:accuracy": 0.5, "validation:loss": 0.8},
        "provenance": {
            "hyperparameters": {"lr": 0.01, "epochs": 3} | hyperparameters,
            "versions": {"torch": "2.15.0"},
            "pictures": {"train": 12, "test": 4},
        },
    }
    (folder / "model").mkdir(exist_ok=True)
    (folder / "model" / "model.json").write_text(json.dumps(body))


def tensors(folder: Path) -> None:
    """Losses that explode, in two modes."""
    saved_tensors.write_collections(folder, losses="Loss")
    for step in range(20):
        value = float("nan") if step == 15 else 1.0 + step
        saved_tensors.write_step(folder, step, {"CrossEntropyLoss_output_0": value}, mode="TRAIN" if step % 4 else "EVAL")
    saved_tensors.end(folder)


def profile(folder: Path, seconds: Sequence[float] | None = None) -> None:
    """A minute of samples of a machine with two GPUs, and whole steps with their parts; some wait for data."""
    choice, count = random.Random(0), 120
    folder.mkdir(parents=True, exist_ok=True)
    busy = [85 + choice.gauss(0, 3) for _ in range(count)]
    saved_profile.sample(
        folder,
        {
            "CPUUtilization": {f"cpu{core}": [40 + 10 * math.sin(at / 9 + core) for at in range(count)] for core in range(4)},
            "GPUUtilization": {"gpu0": busy, "gpu1": busy},
            "GPUMemoryUtilization": {"gpu0": [40.0] * count, "gpu1": [41.0] * count},
            "GPUMemoryUsedPercent": {"gpu0": [62.0] * count, "gpu1": [61.0] * count},
            "GPUPowerWatts": {"gpu0": [250.0] * count, "gpu1": [240.0] * count},
            "Algorithm": {"MemoryUsedPercent": [30.0] * count},
        },
    )
    if seconds is None:
        seconds = [0.4 + choice.gauss(0, 0.01) + (1.2 if step % 31 == 30 else 0) for step in range(130)]
    rest = {"Copy": 0.01, "Forward": 0.11, "Backward": 0.2, "Optimizer": 0.03}
    parts = {name: [value] * len(seconds) for name, value in rest.items()}
    waits = [max(0.001, one - 0.36) for one in seconds]
    saved_profile.events(folder, saved_profile.steps(seconds, DataWait=waits, **parts))


def records(folder: Path) -> None:
    """What the training program tells of its operators and of its machine."""
    place = data(folder) / "profiler"
    place.mkdir(exist_ok=True)
    body = {
        "steps": [3, 4],
        "flops_per_step": 40_000_000_000,
        "flops": {"aten::convolution": 40_000_000_000},
        "operators": [
            {"name": "aten::convolution", "calls": 4, "self_cpu_us": 600_000.0},
            {"name": "aten::add", "calls": 2, "self_cpu_us": 200_000.0},
            {"name": "enumerate(DataLoader)", "calls": 2, "self_cpu_us": 100_000.0},
        ],
        "kernels": [{"name": "sgemm", "calls": 4, "device_us": 300_000.0}],
    }
    (place / "operators.json").write_text(json.dumps(body))
    about = {
        "device": "cuda",
        "gpu": "A GPU",
        "processor": "A CPU",
        "cpus": 4,
        "peak_flops": {"float32": 400e9, "bfloat16": 800e9},
    }
    (place / "machine.json").write_text(json.dumps(about))
