"""Learning rates by stage and by step: the head learns at `lr`, a stage before it the slower the further away it is."""

import math
from typing import Any

from torch import nn

from train.config import Config
from train.model.network import Network
from train.model.stages import stages


def param_groups(network: Network, config: Config) -> list[dict[str, Any]]:
    """The optimiser's parameter groups; `factor` is multiplied with the learning rate."""
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


def lr_factor(config: Config, taken: int, steps: int) -> float:
    """The factor of the learning rate for the step after `taken` of `steps` steps: warm-up times schedule, 0 to 1."""
    rate = 0.5 * (1 + math.cos(math.pi * taken / steps)) if config.lr_schedule == "cosine" else 1.0
    return rate * min(1.0, (taken + 1) / (config.warmup * steps)) if config.warmup else rate
