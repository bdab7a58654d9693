"""The files that a job writes to output/data: every step, every epoch, and the network's prediction for each picture.

Predictions are for the test channel, or for validation where there is no test. `contract.output_data` names the files.
"""

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from contract.files import write_whole
from contract.output_data import HISTORY, PREDICTION_COLUMNS, STEP_COLUMNS, STEPS, predictions


class StepLog:
    """Writes steps.csv, one line a step. `pictures` identifies the step's pictures and their order, so two runs can be compared.

    A resumed job drops the lines after its checkpoint: those steps are taken again.
    """

    def __init__(self, folder: Path, resumed_step: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / STEPS
        kept = _lines(path, resumed_step) if resumed_step else []
        write_whole(path, "".join(f"{line}\n" for line in [",".join(STEP_COLUMNS), *kept]))
        self._file: TextIO = open(path, "a", encoding="ascii")  # noqa: SIM115

    def add(self, step: int, epoch: int, lr: float, loss: float, pictures: str) -> None:
        self._file.write(f"{step},{epoch},{lr!r},{loss!r},{pictures}\n")
        self._file.flush()


def _lines(path: Path, last: int) -> list[str]:
    """The whole lines of steps up to `last`; a killed job may have left half a line."""
    text = path.read_text(encoding="ascii", errors="replace") if path.is_file() else ""
    lines = [
        line for line in text.splitlines(keepends=True)[1:] if line.endswith("\n") and line.count(",") == len(STEP_COLUMNS) - 1
    ]
    return [line.rstrip("\n") for line in lines if line.split(",")[0].isdigit() and int(line.split(",")[0]) <= last]


def write_history(folder: Path, history: list[dict[str, float]]) -> None:
    """Writes history.json: the values of each finished epoch."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / HISTORY, json.dumps(history, indent=1) + "\n")


def write_predictions(folder: Path, split: str, rows: Iterable[tuple[str, str, str, float]]) -> None:
    """Writes predictions-SPLIT.csv: path below input/data, true class, predicted class, probability of the predicted class."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / predictions(split), "w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(PREDICTION_COLUMNS)
        writer.writerows((picture, truth, predicted, f"{sure:.6f}") for picture, truth, predicted, sure in rows)
