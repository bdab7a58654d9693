"""The exponential moving average (EMA) of the trained weights, kept as plain tensors beside the network.

A second network would not do: a copy of one that the debugger's hooks are on cannot run. The averages take the place of the
weights while the network is evaluated, and are exported.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch

from train.model.network import Network


class ExponentialMovingAverage:
    """The averages of the trained parameters, and of the BatchNorm statistics that change with them."""

    def __init__(self, network: Network, decay: float) -> None:
        self._decay = decay
        self._own = [(name, tensor) for name, tensor in _changing(network).items()]
        self._values = [tensor.detach().clone() for _, tensor in self._own]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Adds the weights after a step, the first step being 1; early weights are forgotten sooner."""
        decay = min(self._decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self._values, [tensor.detach() for _, tensor in self._own], 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Within the context the network has the averages for weights."""
        before = [tensor.detach().clone() for _, tensor in self._own]
        self._write(self._values)
        try:
            yield
        finally:
            self._write(before)

    def state(self) -> dict[str, torch.Tensor]:
        return {name: value for (name, _), value in zip(self._own, self._values, strict=True)}

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        for (name, _), value in zip(self._own, self._values, strict=True):
            value.copy_(state[name])

    @torch.no_grad()
    def _write(self, values: list[torch.Tensor]) -> None:
        for (_, tensor), value in zip(self._own, values, strict=True):
            tensor.copy_(value)


def _changing(network: Network) -> dict[str, torch.Tensor]:
    """The trained parameters and the numbers that training mode changes, by name."""
    buffers = {id(buffer) for part in network.trained for buffer in part.buffers()}
    parameters = {name: tensor for name, tensor in network.module.named_parameters() if tensor.requires_grad}
    statistics = {
        name: tensor for name, tensor in network.module.named_buffers() if id(tensor) in buffers and tensor.is_floating_point()
    }
    return parameters | statistics
