"""The whole story on this machine: pictures, training, model.tar.gz, an endpoint, questions, a table.

Every step runs the real program under a private /opt/ml; nothing here knows how they train or predict.
"""

import csv
import json
import os
import platform
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from contract import archive, manifest, metrics
from contract.layout import Layout
from contract.manifest import label
from scripts import draw
from scripts.client import CONTENT_TYPES, Answer
from scripts.config import DemoConfig, demo_config
from scripts.errors import LaunchError
from scripts.programs import Program
from scripts.serving import endpoint
from scripts.stage import stage_training

SHOWN = 8
"""Rows of the table of answers."""


@dataclass(slots=True)
class Story:
    """What is known so far; becomes summary.json."""

    config: DemoConfig
    say: Console
    facts: dict = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def step(self, name: str, text: str) -> "Stopwatch":
        self.say.print(f"[bold]{len(self.seconds) + 1}. {text}[/]", highlight=False)
        return Stopwatch(self, name)


@dataclass(slots=True)
class Stopwatch:
    story: Story
    name: str
    start: float = 0.0

    def __enter__(self) -> None:
        self.start = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self.story.seconds[self.name] = round(time.monotonic() - self.start, 2)


def pictures_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*/*") if path.suffix.lower() in CONTENT_TYPES and not path.name.startswith("."))


def run(config: DemoConfig, say: Console) -> dict:
    """The demo, from pictures to summary. Raises LaunchError with one line when a step cannot be done."""
    story = Story(config, say)
    with story.step("data", "Pictures"):
        data = _pictures(story)
    with story.step("train", "Training, as SageMaker would start it"):
        job = _train(story, data)
    with story.step("pack", "model.tar.gz"):
        served = _pack(story, job)
    with story.step("serve", "The endpoint, and every test picture asked over HTTP"):
        with endpoint(served, log=config.home / "serve.log") as client:
            answers = list(client.ask_all(pictures_of(data / "test")))
    _compare(story, job, answers)
    return _finish(story, answers)


def _pictures(story: Story) -> Path:
    config = story.config
    data = config.data
    if data is None:
        data = config.home / "pictures"
        with story.say.status("drawing") as status:
            draw.write_set(data, seed=config.seed, progress=lambda done, total: status.update(f"drawing {done} of {total}"))
    counts = {split: len(pictures_of(data / split)) for split in ("train", "valid", "test")}
    for split, count in counts.items():
        if not count:
            raise LaunchError(f"DATA={data}: no pictures in {split}; need {split}/CLASS/PICTURE.jpg, .png or .webp")
    classes = sorted(path.name for path in (data / "train").iterdir() if path.is_dir() and not path.name.startswith("."))
    story.facts |= {"data": str(data), "pictures": counts, "classes": len(classes)}
    splits = ", ".join(f"{count} to {verb}" for count, verb in zip(counts.values(), ("train", "validate", "test"), strict=True))
    story.say.print(f"   {len(classes)} classes: {splits}   ({data})", highlight=False)
    return data


def _train(story: Story, data: Path) -> Layout:
    config = story.config
    layout = Layout((config.home / "train" / "opt" / "ml").absolute())
    channels = {"train": data / "train", "validation": data / "valid", "test": data / "test"}
    if config.weights:
        channels["pretrained"] = config.weights
    stage_training(layout, config.hyperparameters, channels)
    with Program("train", layout, environment={"TRAINING_JOB_NAME": "kennel-demo"}) as program:
        program.wait()
    return layout


def _pack(story: Story, job: Layout) -> Layout:
    """model.tar.gz, then unpacked where the serve program looks: the same round trip as through S3."""
    packed = story.config.home / "model.tar.gz"
    archive.pack(job.model, packed)
    served = Layout((story.config.home / "serve" / "opt" / "ml").absolute())
    shutil.rmtree(served.model, ignore_errors=True)
    archive.unpack(packed, served.model)
    facts = {"path": str(packed), "bytes": packed.stat().st_size, "sha256": manifest.digest(packed)}
    story.facts["model"] = facts
    story.say.print(f"   {packed}   {facts['bytes'] / 1e6:.1f} MB   sha256 {facts['sha256'][:12]}", highlight=False)
    return served


def _compare(story: Story, job: Layout, answers: list[Answer]) -> None:
    """What the endpoint said beside what training said of the same pictures."""
    trained = manifest.read(job.model).metrics
    with open(job.output_data / "predictions-test.csv", newline="") as rows:
        told = {row["picture"]: row["predicted"] for row in csv.DictReader(rows)}
    right = sum(answer.best["class"] == answer.picture.parent.name for answer in answers)
    same = sum(answer.best["class"] == told.get(f"test/{answer.picture.parent.name}/{answer.picture.name}") for answer in answers)
    waits = sorted(answer.seconds for answer in answers)
    story.facts |= {
        "accuracy": {
            "validation": trained["validation:accuracy"],
            "test_by_training": trained["test:accuracy"],
            "test_by_http": round(right / len(answers), 6),
        },
        "same_answer_as_training": {"same": same, "of": len(answers)},
        "seconds_per_step": trained["train:seconds_per_step"],
        "answer_milliseconds": {
            "p50": round(1000 * waits[len(waits) // 2], 2),
            "p99": round(1000 * waits[int(len(waits) * 0.99)], 2),
            "connections": 4,
        },
        "metrics": {row.name: trained[row.name] for row in metrics.METRICS if row.name in trained},
        "predictions": [
            {"picture": str(answer.picture), "truth": answer.picture.parent.name, "predicted": answer.predictions[:3]}
            for answer in answers
        ],
    }


def _finish(story: Story, answers: list[Answer]) -> dict:
    config, facts = story.config, story.facts
    facts |= {
        "hyperparameters": dict(config.hyperparameters),
        "seconds": story.seconds,
        "machine": {"cpus": len(os.sched_getaffinity(0)), "python": platform.python_version(), "system": platform.platform()},
    }
    summary = config.home / "summary.json"
    summary.write_text(json.dumps(facts, indent=2) + "\n")
    story.say.print(_table(answers))
    right = facts["accuracy"]
    story.say.print(
        f"test accuracy {right['test_by_http']:.3f} over HTTP, {right['test_by_training']:.3f} said training; "
        f"{facts['same_answer_as_training']['same']} of {len(answers)} answers the same\n"
        f"{facts['answer_milliseconds']['p50']:.1f} ms an answer at 4 connections (median), "
        f"{facts['seconds_per_step']:.3f} s a training step, {sum(story.seconds.values()):.0f} s in all",
        highlight=False,
    )
    story.say.print(f"\nwritten  {summary}")
    story.say.print("next     make ask PICTURE=some-dog.jpg     one picture, one answer", highlight=False)
    story.say.print("         make serve                        keep the endpoint on 127.0.0.1:8080", highlight=False)
    if config.data is None:
        story.say.print("         make demo DATA=folder WEIGHTS=resnet18.pth     the same on photographs", highlight=False)
    return facts


def _table(answers: list[Answer]) -> Table:
    table = Table(title="Pictures the network has never seen")
    for name, side in (("picture", "left"), ("it is", "left"), ("the endpoint says", "left"), ("sure", "right"), ("", "left")):
        table.add_column(name, justify=side)
    for answer in answers[:: max(1, len(answers) // SHOWN)][:SHOWN]:
        truth = answer.picture.parent.name
        good = answer.best["class"] == truth
        mark = "[green]right[/]" if good else "[red]wrong[/]"
        table.add_row(answer.picture.name, label(truth), answer.best["label"], f"{answer.best['probability']:.2f}", mark)
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    say = Console(soft_wrap=True)
    for number in (signal.SIGTERM, signal.SIGHUP):  # end as Ctrl-C does: what was started is stopped, not left behind
        signal.signal(number, signal.default_int_handler)
    debug = "--debug" in (sys.argv if arguments is None else arguments)
    try:
        run(demo_config(sys.argv[1:] if arguments is None else arguments), say)
    except LaunchError as error:
        if debug:
            raise
        Console(stderr=True, soft_wrap=True).print(f"demo: {error}", markup=False, highlight=False)
        return error.status
    except KeyboardInterrupt:
        Console(stderr=True).print("demo: stopped; `make demo` starts it again")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
