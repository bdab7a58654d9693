"""How fast each part of the network learns: the head at `lr`, the stages before it slower, the further from it the more."""

import math
from collections.abc import Iterator
from typing import Any

from torch import nn

from train.config import Config
from train.model.network import Network


def groups(network: Network, config: Config) -> list[dict[str, Any]]:
    """The optimiser's parameter groups; `factor` is each one's share of the learning rate."""
    if config.backbone_factor == config.layer_decay == 1:
        return [{"params": network.parameters(), "factor": 1.0}]
    parts = stages(network.module, network.head)
    factors = {id(parameter): 1.0 for parameter in network.module.get_submodule(network.head).parameters()}
    for distance, part in enumerate(reversed(parts)):
        factor = config.backbone_factor * config.layer_decay**distance
        for parameter in part.parameters():
            factors.setdefault(id(parameter), factor)
    slowest = config.backbone_factor * config.layer_decay ** max(0, len(parts) - 1)
    by_factor: dict[float, list[nn.Parameter]] = {}
    for parameter in network.parameters():
        by_factor.setdefault(factors.get(id(parameter), slowest), []).append(parameter)
    return [{"params": parameters, "factor": factor} for factor, parameters in by_factor.items()]


def stages(module: nn.Module, head: str) -> list[nn.Module]:
    """The parts of a network before its head, from the pictures on: its children with weights, where a part that holds the
    head, or more than half of all weights, counts as its own children."""
    return list(_stages(module, module.get_submodule(head), _size(module)))


def _stages(part: nn.Module, head: nn.Module, whole: int) -> Iterator[nn.Module]:
    for child in part.children():
        if child is head or not _size(child):
            continue
        if any(head is inner for inner in child.modules()) or (_size(child) > whole / 2 and list(child.children())):
            yield from _stages(child, head, whole)
        else:
            yield child


def share(config: Config, taken: int, steps: int) -> float:
    """The part of the learning rate that the coming step has: warm-up times schedule."""
    rate = 0.5 * (1 + math.cos(math.pi * taken / steps)) if config.schedule == "cosine" else 1.0
    return rate * min(1.0, (taken + 1) / (config.warmup * steps)) if config.warmup else rate


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
