"""Operators of chosen steps, and the work of one."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from train.profiling.operators import Operators, _own_times

CPU = torch.device("cpu")


def train(folder: Path, steps: int, of: int, say: list[str] | None = None) -> nn.Module:
    """`of` steps of a network of one convolution and one matrix product, batches of 4."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 16 * 16, 5))
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    operators = Operators(folder, steps, CPU, [].append if say is None else say.append)
    for number in range(1, of + 1):
        operators.begin(number)
        network(torch.rand(4, 3, 16, 16)).square().mean().backward()
        optimiser.step()
        optimiser.zero_grad()
        operators.end()
    operators.close()
    return network


def test_the_table_says_where_the_time_of_the_chosen_steps_went(tmp_path: Path) -> None:
    train(tmp_path, steps=2, of=6)
    found = json.loads((tmp_path / "operators.json").read_text())
    assert found["steps"] == [3, 4]
    rows = {row["name"]: row for row in found["operators"]}
    assert rows["aten::convolution_backward"]["calls"] == 2 and rows["aten::addmm"]["calls"] == 2
    assert rows["aten::addmm"]["self_cpu_us"] > 0
    times = [row["self_cpu_us"] for row in found["operators"]]
    assert times == sorted(times, reverse=True)


def test_times_and_memory_are_those_that_torch_says_too() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(2048, 5))
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as watched:
        network(torch.rand(4, 3, 16, 16)).square().mean().backward()
    operators, _ = _own_times(watched.profiler.kineto_results.events())
    theirs = {one.key: one for one in watched.key_averages()}
    assert len(operators) > 20
    for name, row in operators.items():
        if name.startswith("aten::"):
            assert row["calls"] == theirs[name].count, name
            assert row["self_cpu_us"] == pytest.approx(theirs[name].self_cpu_time_total, abs=0.5), name
            assert row["self_cpu_bytes"] == theirs[name].self_cpu_memory_usage, name


def test_the_work_of_a_step_is_that_of_the_formulas(tmp_path: Path) -> None:
    train(tmp_path, steps=1, of=3)
    found = json.loads((tmp_path / "operators.json").read_text())
    convolution = 2 * 4 * 16 * 16 * 8 * 3 * 9
    product = 2 * 4 * 2048 * 5
    assert found["flops"]["aten::convolution"] == convolution
    assert found["flops"]["aten::convolution_backward"] == convolution, "of the weights; the pictures need none"
    assert found["flops"]["aten::addmm"] == product and found["flops"]["aten::mm"] == 2 * product
    assert found["flops_per_step"] == 2 * convolution + 3 * product


def test_what_is_learnt_is_the_same(tmp_path: Path) -> None:
    plain, watched = train(tmp_path, steps=0, of=6), train(tmp_path, steps=3, of=6)
    for one, other in zip(plain.parameters(), watched.parameters(), strict=True):
        assert torch.equal(one, other)


def test_with_0_steps_nothing_is_written(tmp_path: Path) -> None:
    train(tmp_path, steps=0, of=6)
    assert not list(tmp_path.iterdir())


def test_a_training_that_ends_early_leaves_what_there_is(tmp_path: Path) -> None:
    train(tmp_path, steps=10, of=4)
    assert json.loads((tmp_path / "operators.json").read_text())["steps"] == [3, 4]


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said: list[str] = []
    train(tmp_path / "file", steps=1, of=4, say=said)
    assert len(said) == 1 and said[0].startswith("operators.json cannot be written to ")
