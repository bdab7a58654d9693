"""Epochs and steps in one process: rate by step, saves and stops where they belong, nothing learnt from a wrong loss."""

import math
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.support.training_loop import loop
from train.errors import NotFiniteError
from train.loop import Loop


class Poison(nn.Module):
    """A loss whose value is right and whose gradient, from a given call on, is infinite."""

    def __init__(self, from_call: int) -> None:
        super().__init__()
        self.calls, self.from_call = 0, from_call

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        loss = nn.functional.cross_entropy(logits, labels)
        return loss + (torch.sqrt(logits.sum() * 0) if self.calls >= self.from_call else 0)


def rates(made: Loop) -> list[float]:
    """The learning rate of each step of a run."""
    seen: list[float] = []

    class Log:
        def add(self, step: int, epoch: int, rate: float, loss: float, pictures: str) -> None:
            seen.append(rate)

    made.log = Log()
    assert made.run()
    return seen


def test_the_rate_follows_its_schedule_by_step(tmp_path: Path) -> None:
    assert rates(loop(tmp_path, lr_schedule="constant")) == [1e-3] * 6
    expected = [1e-3 * 0.5 * (1 + math.cos(math.pi * step / 6)) for step in range(6)]
    assert rates(loop(tmp_path)) == pytest.approx(expected)


def test_modes_alternate_and_checkpoints_come_at_epochs_and_intervals(tmp_path: Path) -> None:
    made = loop(tmp_path, checkpoint_interval=2)
    assert made.run()
    assert made.hook.heard == ["train", "eval", "train", "eval"]
    assert [row["epoch"] for row in made.history] == [1, 2]
    assert made.position.taken == 6 and made.steps == 3
    assert sorted(path.stem for path in (tmp_path / "checkpoints").glob("*.json")) == ["step-000000004", "step-000000006"]
    assert made.pace() is not None and len(made.seconds) == 6


def test_a_stop_before_the_first_step_saves_and_takes_none(tmp_path: Path) -> None:
    made = loop(tmp_path)
    (tmp_path / "stop").touch()
    assert made.run() is False
    assert made.position.taken == 0 and made.saved == 0 and made.pace() is None


def test_a_restored_loop_goes_on_where_the_other_stood(tmp_path: Path) -> None:
    straight = loop(tmp_path)
    assert straight.run()
    (tmp_path / "checkpoints").rename(tmp_path / "old")
    first = loop(tmp_path)
    first.position.epoch = 0
    assert first._train_epoch()
    second = loop(tmp_path)
    torch.manual_seed(99)
    second.restore(first.state())
    assert second.run()
    assert second.history == straight.history
    for name, tensor in straight.network.module.state_dict().items():
        assert torch.equal(tensor, second.network.module.state_dict()[name]), name


def test_a_gradient_that_is_not_finite_stops_before_the_optimiser(tmp_path: Path) -> None:
    made = loop(tmp_path, loss=Poison(from_call=3))
    with pytest.raises(NotFiniteError, match="gradient is nan at step 3 with lr"):
        made.run()
    assert made.position.taken == 2
    assert all(torch.isfinite(parameter).all() for parameter in made.network.parameters())
