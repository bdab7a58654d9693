"""The network: any torchvision classifier with a head for the job's classes, and the parts of it that are trained.

Its weights are random here; pretrained.py loads others. Nothing is downloaded.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from contract.reason import first_line
from train.errors import ConfigError
from train.model.stages import last_block

AUXILIARY = {"googlenet": ("aux1.", "aux2."), "inception_v3": ("AuxLogits.",)}
"""Architectures with side classifiers for training, and their parameters' prefixes; they are left out."""
_FIXED_SIZE = {"vit": "image_size", "maxvit": "input_size"}
"""Families that are built for one picture size, and the name they take it by."""


@dataclass(frozen=True, slots=True)
class Network:
    """`module`: the classifier. `head`: the name of its last layer. `trained`: the modules whose parameters are trained.
    `keep_statistics`: whether those of their BatchNorms stay as they are, all the same."""

    module: nn.Module
    head: str
    trained: tuple[nn.Module, ...]
    keep_statistics: bool = False

    def train(self) -> None:
        """Training mode for what is trained. What is frozen stays in evaluation mode: its BatchNorm statistics, too, are kept."""
        self.module.eval()
        for part in self.trained:
            part.train()
            for layer in part.modules() if self.keep_statistics else ():
                if isinstance(layer, nn.modules.batchnorm._BatchNorm):
                    layer.eval()

    def parameters(self) -> list[nn.Parameter]:
        return [parameter for parameter in self.module.parameters() if parameter.requires_grad]


def norms_of_one_value(network: Network, picture_size: int) -> list[str]:
    """Names of the BatchNorms in training mode that get one value a channel of each picture: they cannot train on one picture."""
    found: list[str] = []

    def look(name: str) -> Callable[[nn.Module, tuple[torch.Tensor]], None]:
        def hook(layer: nn.Module, inputs: tuple[torch.Tensor]) -> None:
            if inputs[0].numel() == inputs[0].shape[1]:
                found.append(name)

        return hook

    network.train()
    norms = {
        name: layer
        for name, layer in network.module.named_modules()
        if isinstance(layer, nn.modules.batchnorm._BatchNorm) and layer.training
    }
    network.module.eval()
    handles = [layer.register_forward_pre_hook(look(name)) for name, layer in norms.items()]
    with torch.no_grad():
        network.module(torch.zeros(1, 3, picture_size, picture_size, device=next(network.module.parameters()).device))
    for handle in handles:
        handle.remove()
    return found


def build(arch: str, classes: int, picture_size: int) -> nn.Module:
    """A new network with random weights. Raises ConfigError where it cannot take pictures of that size."""
    # Imported late: it brings torch's compiler with it, which takes longer to import than a head to train.
    from torchvision import models

    options: dict[str, object] = {}
    if arch in AUXILIARY:
        options = {"aux_logits": False, "init_weights": True}
    if size_name := _FIXED_SIZE.get(arch.split("_")[0]):
        options = {size_name: (picture_size, picture_size) if size_name == "input_size" else picture_size}
    try:
        module = models.get_model(arch, weights=None, num_classes=classes, **options)
        with torch.no_grad():
            module.eval()(torch.zeros(1, 3, picture_size, picture_size))
    except (RuntimeError, ValueError, AssertionError) as error:
        raise ConfigError(f"picture-size: {arch} does not take pictures of {picture_size} pixels ({first_line(error)})") from None
    return module


def head_name(module: nn.Module, classes: int) -> str:
    """The last layer that gives one value a class: a Linear, or the 1 x 1 convolution of SqueezeNet."""
    name = ""
    for candidate, layer in module.named_modules():
        if getattr(layer, "out_features", None) == classes or getattr(layer, "out_channels", None) == classes:
            name = candidate
    assert name, "a torchvision classifier ends in a layer with one output a class"
    return name


def freeze(module: nn.Module, head: str, train_layers: str, *, keep_statistics: bool = False) -> Network:
    """Leave only the asked-for parameters trainable: `head`, `last` (the head and the block before it) or `all`."""
    if train_layers == "all":
        trained: tuple[nn.Module, ...] = (module,)
    else:
        trained = (module.get_submodule(head),)
        if train_layers == "last":
            trained = (last_block(module, head), *trained)
    module.requires_grad_(False)
    for part in trained:
        part.requires_grad_(True)
    return Network(module, head, trained, keep_statistics)
