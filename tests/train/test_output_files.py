"""What a job leaves beside the model: steps without repeats after a resume, epochs, predictions."""

import json
from pathlib import Path

from train import output_files


def test_a_resumed_log_drops_what_is_taken_again(tmp_path: Path) -> None:
    log = output_files.StepLog(tmp_path, 0)
    for step in range(1, 6):
        log.add(step, 1, 0.1, 1 / step, "ab" * 8)
    path = tmp_path / "steps.csv"
    path.write_text(path.read_text() + "6,1,0.1,0.")  # killed in the middle of a line
    again = output_files.StepLog(tmp_path, 3)
    again.add(4, 1, 0.1, 0.25, "cd" * 8)
    rows = path.read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["step", "1", "2", "3", "4"]
    assert rows[3] == f"3,1,0.1,{1 / 3!r},{'ab' * 8}"
    output_files.StepLog(tmp_path, 0)
    assert path.read_text().splitlines() == [rows[0]], "a job from the start has no earlier steps"


def test_history_and_predictions_read_back(tmp_path: Path) -> None:
    output_files.write_history(tmp_path, [{"epoch": 1, "train:loss": 0.5}])
    assert json.loads((tmp_path / "history.json").read_text()) == [{"epoch": 1, "train:loss": 0.5}]
    output_files.write_predictions(tmp_path, "test", [("test/a/x, y.jpg", "a", "b", 0.91)])
    assert (tmp_path / "predictions-test.csv").read_text() == (
        'picture,class,predicted,probability\n"test/a/x, y.jpg",a,b,0.910000\n'
    )
