"""BatchNorm over ranks: the same layer as torch's when alone, and over two ranks that of the whole batch."""

import os
import subprocess
import sys
from pathlib import Path

import torch
from torch import nn

from tests.support.train_jobs import ENVIRON, ROOT
from train.model.sync_batchnorm import SynchronisedBatchNorm, synchronise


def test_only_the_class_of_the_layers_changes() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Sequential(nn.BatchNorm1d(4)))
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    pictures = torch.randn(2, 3, 5, 5)
    expected = module[:2].eval()(pictures)
    synchronise(module)
    assert [type(layer) for layer in (module[1], module[2][0])] == [SynchronisedBatchNorm] * 2
    assert list(before) == list(module.state_dict())
    assert torch.equal(module[:2](pictures), expected)


_WHOLE = """
import sys
from pathlib import Path
import torch
import torch.distributed as dist
from torch import nn
from torchvision import models
from train.config import process_rank
from train.ranks import Ranks
torch.set_default_dtype(torch.float64)
def net():
    torch.manual_seed(0)
    return models.resnet18(num_classes=3).to(memory_format=torch.channels_last)
ranks = Ranks(process_rank(), Path(sys.argv[1]))
pictures = torch.randn(7, 3, 32, 32, generator=torch.Generator().manual_seed(1))
labels = torch.tensor([0, 1, 2, 0, 1, 2, 0])
alone, spread = net(), net()
nn.functional.cross_entropy(alone(pictures), labels).backward()
parallel, own = ranks.parallel(spread), labels[ranks.rank :: 2]
(nn.functional.cross_entropy(parallel(pictures[ranks.rank :: 2]), own) * (len(own) * 2 / 7)).backward()
for (name, one), two in zip(alone.named_parameters(), spread.parameters()):
    torch.testing.assert_close(one.grad, two.grad, rtol=1e-6, atol=1e-9, msg=name)
for (name, one), two in zip(alone.named_buffers(), spread.named_buffers()):
    torch.testing.assert_close(one, two[1], msg=name)
assert list(alone.state_dict()) == list(spread.state_dict())
torch.testing.assert_close(alone.eval()(pictures), spread.eval()(pictures))
ranks.close()
"""


def test_the_whole_networks_gradients_and_statistics_are_those_of_the_whole_batch(tmp_path: Path, free_port: int) -> None:
    shared = dict(os.environ) | ENVIRON | {"GLOO_SOCKET_IFNAME": "lo", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port)}
    both = [
        subprocess.Popen(
            [sys.executable, "-c", _WHOLE, str(tmp_path / "stop")],
            cwd=ROOT,
            env=shared | {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    for process in both:
        _, error = process.communicate(timeout=100)
        assert process.returncode == 0, error
