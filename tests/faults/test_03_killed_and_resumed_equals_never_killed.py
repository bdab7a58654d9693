"""Row 3: a job killed three times takes the very steps, with the very losses, of one that never was."""

import random
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from tests.support.train_jobs import Container, nursery, wait_until

KILLS = 3
RECIPE = {"ema_decay": "0.9", "warmup": "0.2", "backbone_factor": "0.1", "layer_decay": "0.7", "label_smoothing": "0.1"}
RECIPE |= {"precision": "bfloat16"}
SETTINGS = {"epochs": "8", "checkpoint_interval": "2", "train": 10}


@pytest.mark.parametrize("more", [{}, RECIPE], ids=["plain", "recipe"])
def test_killed_and_resumed_equals_never_killed(tmp_path: Path, more: dict[str, str]) -> None:
    settings = SETTINGS | more
    straight, killed = Container(tmp_path / "straight", **settings), Container(tmp_path / "killed", **settings)
    choice = random.Random(3)
    attempt = nursery().start(straight, tmp_path / "attempt")
    assert attempt.wait() == 0, attempt.log
    for number in range(KILLS):
        attempt = nursery().start(killed, tmp_path / f"attempt-{number}")
        target = 5 + 7 * number + choice.randrange(5)
        wait_until(lambda target=target: len(killed.steps()) >= target)
        attempt.kill()
        attempt.wait()
    attempt = nursery().start(killed, tmp_path / "last")
    assert attempt.wait() == 0, attempt.log
    expected, found = straight.steps(), killed.steps()
    print(f"{len(expected)} steps, {KILLS} kills: {sum(a == b for a, b in zip(expected, found, strict=False))} lines equal")
    assert len(expected) == 8 * 4
    assert found == expected, "step, epoch, lr, loss to the last bit, pictures and their order"
    assert (killed.layout.output_data / "history.json").read_text() == (straight.layout.output_data / "history.json").read_text()
    first, second = (load_file(container.layout.model / "model.safetensors") for container in (straight, killed))
    assert all(first[name].tobytes() == second[name].tobytes() for name in first)
