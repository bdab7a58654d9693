"""BatchNorm with statistics over all ranks, for networks on the CPU: torch's own SyncBatchNorm runs on GPUs only.

The layer keeps its parameters and their names; its statistics, and their gradients, are those of all ranks together.
"""

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


class _Summed(torch.autograd.Function):
    """A tensor summed over all ranks; its gradient is, too, for each rank's part is in every rank's output."""

    @staticmethod
    def forward(ctx: object, part: torch.Tensor) -> torch.Tensor:
        whole = part.clone()
        dist.all_reduce(whole)
        return whole

    @staticmethod
    def backward(ctx: object, gradient: torch.Tensor) -> torch.Tensor:
        return _Summed.forward(ctx, gradient)


class SynchronisedBatchNorm(_BatchNorm):
    """A BatchNorm whose batch, in training, is that of all ranks together."""

    def _check_input_dim(self, input: torch.Tensor) -> None:
        """Any shape with channels second."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return super().forward(input)
        axes = [0, *range(2, input.ndim)]
        shape = [1, -1] + [1] * (input.ndim - 2)
        count = torch.tensor([input.numel() / input.shape[1]], dtype=input.dtype)
        dist.all_reduce(count)
        # Two passes: a variance from a sum of squares would lose digits.
        mean = _Summed.apply(input.sum(axes)) / count
        centred = input - mean.view(shape)
        variance = _Summed.apply(centred.square().sum(axes)) / count
        self._remember(mean.detach(), variance.detach() * count / (count - 1).clamp(min=1))
        output = centred * torch.rsqrt(variance + self.eps).view(shape)
        return output * self.weight.view(shape) + self.bias.view(shape) if self.affine else output

    @torch.no_grad()
    def _remember(self, mean: torch.Tensor, variance: torch.Tensor) -> None:
        if self.num_batches_tracked is None or self.running_mean is None or self.running_var is None:
            return
        self.num_batches_tracked.add_(1)
        momentum = self.momentum if self.momentum is not None else 1.0 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance, momentum)


def synchronise(module: nn.Module) -> nn.Module:
    """Makes every BatchNorm of the network span the ranks, in place; on a GPU it returns one with torch's own layers."""
    if next(module.parameters()).is_cuda:
        return nn.SyncBatchNorm.convert_sync_batchnorm(module)
    layers: list[nn.Module] = [layer for layer in module.modules() if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)]
    for layer in layers:
        layer.__class__ = SynchronisedBatchNorm  # it keeps its parameters, its buffers and their names
    return module
