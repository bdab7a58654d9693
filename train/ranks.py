"""The ranks of a training: the group that its processes form, and the values that they exchange.

A process on its own talks to nobody, and every answer is its own.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from train.config import ProcessRank
from train.model.sync_batchnorm import synchronise

TIMEOUT = timedelta(seconds=60)
"""How long a rank waits for the others before it fails."""


class Ranks:
    """This process and the others. `device`: of this process."""

    def __init__(self, process: ProcessRank, stop_marker: Path) -> None:
        self.rank, self.size = process.rank, process.world_size
        self._stop_marker = stop_marker
        self.device = torch.device("cuda", process.local_rank) if torch.cuda.is_available() else torch.device("cpu")
        if self.device.type == "cuda":
            torch.cuda.set_device(self.device)
        if self.size > 1:
            dist.init_process_group("nccl" if self.device.type == "cuda" else "gloo", timeout=TIMEOUT)

    @property
    def first(self) -> bool:
        """Whether this process writes and prints for all."""
        return self.rank == 0

    def close(self) -> None:
        if self.size > 1:
            dist.destroy_process_group()

    def parallel(self, module: nn.Module) -> nn.Module:
        """The network with its gradients averaged, and its BatchNorm taken, over all ranks."""
        if self.size == 1:
            return module
        ids = [self.device] if self.device.type == "cuda" else None
        return DistributedDataParallel(synchronise(module), device_ids=ids, forward_sync_buffers=False)

    def stop_asked(self) -> bool:
        """Whether this process has been asked to stop; the ranks must still agree (`summed` over it does)."""
        return self._stop_marker.exists()

    def summed(self, *values: float) -> list[float]:
        """Each value summed over all ranks, in float64."""
        if self.size == 1:
            return [float(value) for value in values]
        packed = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(packed)
        return packed.tolist()

    def from_first(self, value: Any) -> Any:
        """The first rank's value, on every rank."""
        if self.size == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values, src=0)
        return values[0]

    def gathered(self, value: Any) -> list[Any]:
        """The plain value of every rank, by rank."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value)
        return values
