"""Row 6: NaN or Inf in the loss or a gradient: no optimiser step, no save after it; the reason names step and lr."""

import re
from pathlib import Path

import torch

from tests.support.train_jobs import Container, nursery
from train.checkpoint import Checkpoints
from train.report import Report


def test_a_loss_that_is_not_finite_stops_before_the_step(tmp_path: Path) -> None:
    container = Container(tmp_path / "ml", lr="1e9", checkpoint_interval="1", epochs="50")
    attempt = nursery().start(container, tmp_path / "attempt")
    assert attempt.wait() == 1, attempt.log
    failure = attempt.reason
    print(failure)
    told = re.fullmatch(
        r"NotFiniteError: (?:loss|gradient|validation loss) is (?:nan|inf) (?:at|after) step (\d+).*lower lr; "
        r"the last good checkpoint is kept",
        failure,
    )
    assert told and ("lr 1e+09" in failure or "lr 9." in failure or "after step" in failure)
    good = container.checkpoints()[-1]
    assert good <= int(told[1])
    marker = (container.layout.checkpoints / f"step-{good:09d}.json").read_text()
    import json

    found = Checkpoints(container.layout.checkpoints, json.loads(marker)["fields"], Report(False)).load(torch.device("cpu"))
    assert found is not None and found[0] == good
    assert not (container.layout.model / "model.json").exists()
