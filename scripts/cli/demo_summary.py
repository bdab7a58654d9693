"""The demo compares the endpoint's answers with what training predicted for the same pictures, from its files in S3."""

import csv
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from contract import archive, manifest, metrics
from contract.errors import ContractError
from contract.files import replacing
from contract.label import label
from contract.output_data import predictions
from contract.splits import TEST
from scripts.aws.api import Target
from scripts.aws.invocation import CONNECTIONS, Answer
from scripts.cli.terminal import cell
from scripts.errors import RunError

SHOWN = 8
"""Rows of the table of answers."""
PREDICTIONS = predictions(TEST)


def facts(target: Target, job: dict[str, Any], answers: Sequence[Answer], folder: Path) -> dict[str, Any]:
    """Accuracies, agreement, times and every prediction. `job`: the description of the training job; `folder`: for its files."""
    trained = {row["MetricName"]: row["Value"] for row in job["FinalMetricDataList"]}
    model = job["ModelArtifacts"]["S3ModelArtifacts"]
    packed = _fetch(target, model, folder)
    told = _told(target, model.rpartition("/")[0] + "/output.tar.gz", folder)
    right = sum(answer.best["class"] == answer.picture.parent.name for answer in answers)
    same = sum(answer.best["class"] == told.get(f"test/{answer.picture.parent.name}/{answer.picture.name}") for answer in answers)
    waits = sorted(answer.seconds for answer in answers)
    return {
        "model": {"uri": model, "path": str(packed), "bytes": packed.stat().st_size, "sha256": manifest.digest(packed)},
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
            "connections": CONNECTIONS,
        },
        "metrics": {row.name: trained[row.name] for row in metrics.METRICS if row.name in trained},
        "predictions": [
            {"picture": str(answer.picture), "truth": answer.picture.parent.name, "predicted": answer.predictions[:3]}
            for answer in answers
        ],
    }


def table(answers: Sequence[Answer]) -> Table:
    """A few of the answers, spread over all of them."""
    rows = Table(title="Pictures the network has never seen")
    for name in ("picture", "it is", "the endpoint says", "sure", ""):
        rows.add_column(name, justify="right" if name == "sure" else "left")
    for answer in answers[:: max(1, len(answers) // SHOWN)][:SHOWN]:
        truth = answer.picture.parent.name
        mark = "[green]right[/]" if answer.best["class"] == truth else "[red]wrong[/]"
        rows.add_row(
            cell(answer.picture.name), cell(label(truth)), cell(answer.best["label"]), f"{answer.best['probability']:.2f}", mark
        )
    return rows


def _fetch(target: Target, uri: str, folder: Path) -> Path:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    folder.mkdir(parents=True, exist_ok=True)
    to = folder / key.rpartition("/")[2]
    with replacing(to) as aside, aside.open("wb") as file:
        shutil.copyfileobj(target.ask("s3", "GetObject", Bucket=bucket, Key=key)["Body"], file, 1 << 20)
    return to


def _told(target: Target, uri: str, folder: Path) -> dict[str, str]:
    """Picture, as test/CLASS/NAME, to the class that training predicted."""
    unpacked = folder / "output"
    shutil.rmtree(unpacked, ignore_errors=True)
    try:
        archive.unpack(_fetch(target, uri, folder), unpacked)
    except ContractError as error:
        raise RunError(f"{uri}: {error}") from None
    files = sorted(unpacked.rglob(PREDICTIONS))
    if not files:
        raise RunError(f"{uri}: holds no {PREDICTIONS}; did the job have a test channel?")
    with files[0].open(newline="") as rows:
        return {row["picture"]: row["predicted"] for row in csv.DictReader(rows)}
