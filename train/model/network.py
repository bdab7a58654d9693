"""The network: any torchvision classifier, its head, what of it is trained, and pretrained weights put into it.

Weights come from the `pretrained` channel and are only ever read as tensors; nothing is downloaded.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

from contract.manifest import digest
from contract.reason import first_line
from train.errors import ConfigError, PretrainedError

_WEIGHT_SUFFIXES = (".pth", ".pt", ".safetensors")
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
        reason = first_line(error)
        raise ConfigError(f"picture-size: {arch} does not take pictures of {picture_size} pixels ({reason})") from None
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
            trained = (_last_block(module, head), *trained)
    module.requires_grad_(False)
    for part in trained:
        part.requires_grad_(True)
    return Network(module, head, trained, keep_statistics)


def _last_block(module: nn.Module, head: str) -> nn.Module:
    """The last block with weights before the head: for a ResNet its last residual block.

    Goes down from the whole network through lists of blocks, and through any part that holds more than half of the weights.
    """
    whole, block = _size(module), module
    while True:
        parts = [part for part in _before(block, module.get_submodule(head)) if _has_matrix(part)]
        is_list = type(block) in (nn.Sequential, nn.ModuleList)
        if not parts or not (block is module or is_list or _size(block) > whole / 2):
            return block
        block = parts[-1]


def _before(block: nn.Module, head: nn.Module) -> list[nn.Module]:
    """The parts of a block without the head; a part that holds the head gives its own parts instead."""
    parts: list[nn.Module] = []
    for part in block.children():
        if part is not head:
            parts += _before(part, head) if any(module is head for module in part.modules()) else [part]
    return parts


def _has_matrix(module: nn.Module) -> bool:
    return any(parameter.ndim > 1 for parameter in module.parameters())


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def pretrained_file(channel: Path) -> Path:
    """The one weight file of the `pretrained` channel."""
    found = sorted(path for path in channel.rglob("*") if path.suffix.lower() in _WEIGHT_SUFFIXES and path.is_file())
    if len(found) != 1:
        names = ", ".join(path.name for path in found[:5]) or "none"
        raise PretrainedError(f"channel pretrained: needs exactly one {', '.join(_WEIGHT_SUFFIXES)} file; found {names}")
    return found[0]


def load_pretrained(module: nn.Module, arch: str, head: str, path: Path) -> str:
    """Put the file's weights into the network and return the file's SHA-256.

    All names and shapes must be those of the architecture, except the head's: one that is missing or of another shape
    leaves the network's own head as it is. Raises PretrainedError naming what does not fit.
    """
    weights, own = _read(path), module.state_dict()
    skipped = AUXILIARY.get(arch, ())
    weights = {name: tensor for name, tensor in weights.items() if not name.startswith(skipped)} if skipped else weights
    in_head = {name for name in own if name.startswith(f"{head}.")}
    unknown = sorted(set(weights) - set(own))
    missing = sorted(set(own) - set(weights) - in_head)
    if unknown or missing:
        parts = [_listed("unknown", unknown), _listed("missing", missing)]
        raise PretrainedError(f"{path.name} does not hold weights of {arch}: {'; '.join(part for part in parts if part)}")
    odd = sorted(name for name in weights if weights[name].shape != own[name].shape)
    if wrong := [name for name in odd if name not in in_head]:
        shapes = ", ".join(f"{name} {list(weights[name].shape)} for {list(own[name].shape)}" for name in wrong[:3])
        raise PretrainedError(f"{path.name}: {len(wrong)} weights of another shape than {arch} has: {shapes}")
    keep_head = not odd and in_head <= set(weights)
    module.load_state_dict(own | {name: weights[name] for name in weights if name not in in_head or keep_head})
    return digest(path)


def _read(path: Path) -> dict[str, torch.Tensor]:
    try:
        if path.suffix.lower() == ".safetensors":
            weights = load_file(path)
        else:
            weights = torch.load(path, map_location="cpu", weights_only=True)
    # A hostile or broken file makes the readers raise nearly anything.
    except Exception as error:
        reason = first_line(error)
        raise PretrainedError(f"{path.name} cannot be read as weights: {reason}") from None
    if not isinstance(weights, dict) or not all(isinstance(tensor, torch.Tensor) for tensor in weights.values()):
        raise PretrainedError(f"{path.name}: not a flat state dict of tensors; save model.state_dict()")
    return dict(weights)


def _listed(kind: str, names: list[str]) -> str:
    return f"{len(names)} {kind} ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})" if names else ""
