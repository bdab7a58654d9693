"""Row 75. Batches that leave a process without a picture, or a BatchNorm with one value: refused before training, by name."""

from pathlib import Path

import pytest
import torch

from tests.support.train_jobs import Container, nursery
from train import preparation
from train.config import ProcessRank
from train.data import batch_order
from train.errors import ConfigError
from train.ranks import Ranks
from train.report import Report

RESNET = {"arch": "resnet18", "picture_size": "32", "train_layers": "all", "epochs": "1", "loader_workers": "0"}
"""At 32 pixels its last block has 1 x 1 feature maps."""


def test_a_batch_smaller_than_the_processes_is_refused_before_training(tmp_path: Path) -> None:
    container = Container(tmp_path / "ml", train=3, processes="2", batch_size="2", epochs="1", loader_workers="0")
    run = container.run()
    print(f"exit {run.code} after {run.seconds:.1f} s: {container.failure}")
    assert run.code == 1 and container.steps() == []
    assert container.failure.startswith(
        "ConfigError: batch-size: 2 cuts 9 pictures into batches of which some have 1, fewer than "
    )
    assert "processes: 2" in container.failure and "4 or more" in container.failure


def test_a_last_batch_of_one_on_a_1_x_1_feature_map_is_refused_before_training(tmp_path: Path) -> None:
    container = Container(tmp_path / "ml", train=3, batch_size="2", **RESNET)
    attempt = nursery().start(container, tmp_path / "attempt")
    assert attempt.wait() == 1 and container.steps() == [], attempt.log
    print(attempt.reason)
    assert attempt.reason.startswith("ConfigError: batch-size: 2 cuts 9 pictures into batches of which some have 1")
    assert "picture-size: 32" in attempt.reason and "layer4" in attempt.reason


@pytest.mark.parametrize(
    "change", [{"batch_size": "3"}, {"picture_size": "64"}, {"batch_norm": "kept"}, {"train_layers": "head"}], ids=str
)
def test_each_way_out_that_is_named_trains(change: dict[str, str], tmp_path: Path) -> None:
    container = Container(tmp_path / "ml", train=3, **(RESNET | {"batch_size": "2"} | change))
    job = container.job()
    ranks = Ranks(ProcessRank(), tmp_path / "stop")
    made = preparation.from_pictures(job, preparation.collect(job), ranks, Report(True), tmp_path)
    made.network.train()
    smallest = batch_order.smallest_batch(9, job.config.batch_size)
    side = job.config.picture_size
    made.network.module(torch.zeros(smallest, 3, side, side, device=ranks.device))


def test_with_twice_as_many_as_processes_no_process_is_ever_without() -> None:
    for processes in range(1, 9):
        for size in (2 * processes, 2 * processes + 1, 3 * processes):
            assert all(batch_order.smallest_batch(pictures, size) >= processes for pictures in range(processes, 500))
    assert batch_order.smallest_batch(9, 4) == 3, "one fewer than twice as many can leave one without"
    assert all(batch_order.smallest_batch(pictures, 3) >= 2 for pictures in range(2, 500))


def test_the_refusal_says_what_would_do(tmp_path: Path) -> None:
    container = Container(tmp_path / "ml", train=3, **(RESNET | {"batch_size": "1"}))
    job = container.job()
    with pytest.raises(ConfigError, match="take a batch-size of 3 or more, a larger picture-size, or batch-norm kept"):
        preparation.from_pictures(
            job, preparation.collect(job), Ranks(ProcessRank(), tmp_path / "stop"), Report(True), tmp_path / "ml"
        )
