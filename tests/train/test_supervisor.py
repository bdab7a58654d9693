"""The supervisor: one process as it is, several through torchrun, over several hosts by resourceconfig.json."""

import dataclasses
import sys
from pathlib import Path

import pytest

from contract.machine import cgroup
from train import supervisor
from train.config import Config, Job

FOLDER = Path("/tmp/private")


@pytest.fixture()
def job(tmp_path: Path) -> Job:
    return Job(
        config=Config(),
        base=tmp_path,
        name="",
        channels=("train", "validation"),
        hosts=("algo-1",),
        current_host="algo-1",
        network_interface="eth7",
        gpus=0,
        checkpoints=tmp_path,
        hook_config=None,
    )


def test_one_process_is_started_as_it_is(job: Job) -> None:
    assert supervisor.command(job, FOLDER) == [sys.executable, "-m", "train.worker", str(FOLDER)]
    quiet = {"KINETO_LOG_LEVEL": "99", "TORCH_CPP_LOG_LEVEL": "ERROR"}
    assert supervisor.environment(job, {"A": "b"}) == {"A": "b", "OMP_NUM_THREADS": str(cgroup.cpus())} | quiet


def test_one_process_a_gpu_unless_told_otherwise(job: Job) -> None:
    four = dataclasses.replace(job, gpus=4)
    assert four.world_size == 4
    assert "--nproc-per-node=4" in supervisor.command(four, FOLDER)
    assert dataclasses.replace(four, config=Config(processes=2)).world_size == 2
    assert supervisor.environment(four, {})["NCCL_SOCKET_IFNAME"] == "lo"


def test_several_hosts_meet_at_the_first_of_them(job: Job) -> None:
    second = dataclasses.replace(job, hosts=("algo-1", "algo-2", "algo-3"), current_host="algo-2")
    command = supervisor.command(second, FOLDER)
    assert command[:3] == [sys.executable, "-m", "torch.distributed.run"]
    assert {"--nnodes=3", "--node-rank=1", "--master-addr=algo-1", "--master-port=7777", "--nproc-per-node=1"} <= set(command)
    assert supervisor.environment(second, {"NCCL_SOCKET_IFNAME": "ib0"}) == {
        "OMP_NUM_THREADS": str(cgroup.cpus()),
        "KINETO_LOG_LEVEL": "99",
        "GLOO_SOCKET_IFNAME": "eth7",
        "NCCL_SOCKET_IFNAME": "ib0",
    }
