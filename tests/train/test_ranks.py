"""Several processes: the same result as one with the same batches, one step to stop at, nobody left behind."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from safetensors.numpy import load_file

from contract import manifest
from tests.train.jobs import ENVIRON, ROOT, Container, ended, wait_until

# With so large an eps a step is in proportion to its gradient, and rounding is not blown up to whole steps as Adam does.
STEADY = {"arch": "resnet18", "picture_size": "64", "eps": "1", "lr": "0.05", "epochs": "2", "schedule": "constant"}
TOLERANCE = 2e-4


def test_two_processes_give_what_one_gives(tmp_path: Path) -> None:
    jobs = {count: Container(tmp_path / count, train=7, validation=3, test=3, processes=count, **STEADY) for count in ("1", "2")}
    for container in jobs.values():
        run = container.run()
        assert run.code == 0, run.err
    one, two = (jobs[count].steps() for count in ("1", "2"))
    assert [row["pictures"] for row in one] == [row["pictures"] for row in two]
    worst = max(abs(float(a["loss"]) - float(b["loss"])) for a, b in zip(one, two, strict=True))
    first, second = (manifest.verify(jobs[count].layout.model).metrics for count in ("1", "2"))
    apart = max(abs(first[name] - second[name]) for name in ("validation:loss", "test:loss"))
    before, after = (load_file(jobs[count].layout.model / "model.safetensors") for count in ("1", "2"))
    weights = max(float(abs(before[name] - after[name]).max()) for name in before)
    print(f"{len(one)} steps of 7 pictures: losses differ by {worst:.1e}, evaluations by {apart:.1e}, weights by {weights:.1e}")
    assert len(one) == 6
    assert worst < TOLERANCE and apart < TOLERANCE and weights < TOLERANCE


def test_a_stop_signal_stops_all_ranks_at_one_step_and_leaves_nobody(tmp_path: Path) -> None:
    container = Container(tmp_path / "ml", processes="2", epochs="10000", loader_workers="1")
    process = container.start()
    wait_until(lambda: len(container.steps()) > 4, seconds=90)
    family = psutil.Process(process.pid).children(recursive=True)
    started = time.monotonic()
    process.send_signal(signal.SIGTERM)
    run = ended(process)
    print(f"{len(family)} processes gone {time.monotonic() - started:.1f} s after SIGTERM")
    assert run.code == 0, run.err
    assert container.checkpoints()[-1] == len(container.steps()) == manifest.verify(container.layout.model).provenance["steps"]
    gone, left = psutil.wait_procs(family, timeout=6)
    assert not left and len(gone) == len(family) >= 5


def test_a_killed_rank_ends_the_job_with_its_reason(tmp_path: Path) -> None:
    container = Container(tmp_path / "ml", processes="2", epochs="10000", loader_workers="1")
    process = container.start()
    wait_until(lambda: len(container.steps()) > 4, seconds=90)
    family = psutil.Process(process.pid).children(recursive=True)
    ranks = [
        member for member in family if "train.worker" in member.cmdline() and "torch.distributed.run" not in member.cmdline()
    ]
    started = time.monotonic()
    next(rank for rank in ranks if rank.parent() and "torch.distributed.run" in rank.parent().cmdline()).kill()
    run = ended(process)
    print(f"job over {time.monotonic() - started:.1f} s after a rank was killed: {container.failure}")
    assert run.code == 1
    assert container.failure.startswith("Killed: training was killed by SIGKILL")
    assert time.monotonic() - started < 60
    _, left = psutil.wait_procs(family, timeout=8)
    assert not left


_NORMS = """
import os, sys
import torch, torch.distributed as dist
from torch import nn
from train.syncnorm import synchronise
rank = int(sys.argv[1])
dist.init_process_group("gloo", init_method="file://" + sys.argv[2], rank=rank, world_size=2)
def net():
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 6), nn.BatchNorm1d(6)]
    return nn.Sequential(*layers).double()
pictures = torch.randn(7, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
labels = torch.tensor([0, 1, 2, 3, 4, 5, 0])
alone, spread = net(), synchronise(net())
nn.functional.cross_entropy(alone(pictures), labels, reduction="sum").backward()
nn.functional.cross_entropy(spread(pictures[rank::2]), labels[rank::2], reduction="sum").backward()
for (name, one), two in zip(alone.named_parameters(), spread.parameters()):
    dist.all_reduce(two.grad)
    torch.testing.assert_close(one.grad, two.grad, msg=name)
for (name, one), two in zip(alone.named_buffers(), spread.buffers()):
    torch.testing.assert_close(one, two, msg=name)
assert list(alone.state_dict()) == list(spread.state_dict())
torch.testing.assert_close(alone.eval()(pictures), spread.eval()(pictures))
"""


def test_batchnorm_over_two_ranks_is_batchnorm_over_the_whole_batch(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _NORMS]
    environ = ENVIRON | {"GLOO_SOCKET_IFNAME": "lo", "PATH": "/usr/bin:/bin"}
    both = [
        subprocess.Popen([*command, str(rank), str(tmp_path / "store")], cwd=ROOT, env=environ, stderr=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    for process in both:
        _, error = process.communicate(timeout=100)
        assert process.returncode == 0, error


def test_a_batch_smaller_than_the_processes_is_refused(tmp_path: Path) -> None:
    container = Container(tmp_path / "ml", processes="4", batch_size="3")
    assert container.run().code == 1
    assert container.failure == "ConfigError: batch-size: 3 is less than the 4 processes that share it"


@pytest.mark.parametrize("hosts", [("localhost", "no-such-host.invalid")])
def test_a_host_that_does_not_resolve_is_named(hosts: tuple[str, ...]) -> None:
    from train.errors import HostError
    from train.supervisor import wait_for_hosts

    wait_for_hosts(("localhost",), seconds=1)
    with pytest.raises(HostError, match=r"host 'no-such-host.invalid' of resourceconfig.json did not resolve within 1 s"):
        wait_for_hosts(hosts, seconds=1)
