"""The torchvision classifier that saved weights belong to, found by names and shapes; and whether its layers are set alike.

Networks are built on torch's meta device for this: their shapes without their numbers.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import nn
from torchvision import models

from train import hyperparameter_types
from train.errors import SalvageError
from train.model.network import AUXILIARY, head_name
from train.salvage.saved_network import SavedNetwork
from train.salvage.torch_file import Tensor

_OUTPUTS = 1000
_WRAPPINGS = 4
"""Wrappers such as DataParallel around one network at most."""
_COUNTER = ".num_batches_tracked"
"""BatchNorm's count of batches, which torch before 0.4.1 did not save; it is nought then, and nothing reads it."""
_TOLD = ("kernel_size", "stride", "padding", "dilation", "groups", "eps", "num_groups", "negative_slope")
"""Settings of a layer that change its answer and that no weight shows."""
_SAME = {"NonDynamicallyQuantizableLinear": "Linear", "SyncBatchNorm": "BatchNorm2d"}
_CONTAINERS = ("Sequential", "ModuleList", "ModuleDict", "Dropout", "Identity")
"""Classes in whose place another may stand without changing an answer."""
_HEAD = {"Linear", "Dropout", "Identity", "Flatten", "LogSoftmax"}
"""What a head may be made of and still give, after softmax, what its one Linear gives."""


@dataclass(frozen=True, slots=True)
class Fit:
    """`tensors`: by the names that the architecture gives them. `classes`: outputs of its head."""

    arch: str
    classes: int
    tensors: Mapping[str, Tensor]


def match(found: SavedNetwork, wanted: str | None) -> Fit:
    """The architecture that the weights belong to; `wanted`: take no other, and overlook layers that are set otherwise.

    Raises SalvageError saying what does not fit the closest one.
    """
    closest: tuple[int, str] = (-1, "")
    inner: SavedNetwork | None = found
    for _ in range(_WRAPPINGS):
        if inner is None:
            break
        for arch in [wanted] if wanted else _likely(inner):
            fit, alike, reason = _fit(inner, arch)
            if fit and wanted is None and (others := _differences(inner, arch)):
                raise SalvageError(
                    f"weights of {arch} in a network that computes otherwise ({'; '.join(others[:3])}): the artefact would not "
                    f"answer as it does; --arch {arch} takes them all the same"
                )
            if fit:
                return fit
            closest = max(closest, (alike, f"{arch}: {reason}"))
        inner = inner.unwrapped()
    raise SalvageError(f"not the weights of a torchvision classifier; the closest is {closest[1]}")


def _likely(found: SavedNetwork) -> list[str]:
    """Architectures to try, the usual ones first. RegNets cannot be built without numbers: only where they are likely, small
    ones first."""
    regnet = any("trunk_output." in name for name in found.tensors)
    known = [arch for arch in hyperparameter_types.architectures() if arch.startswith("regnet") == regnet]
    return sorted(known, key=lambda arch: (not arch.startswith("resnet"), not arch.endswith("mf")))


def _built(arch: str) -> nn.Module:
    options: dict[str, Any] = {"aux_logits": False, "init_weights": False} if arch in AUXILIARY else {}
    place: AbstractContextManager[Any] = nullcontext() if arch.startswith("regnet") else torch.device("meta")
    with place:
        return models.get_model(arch, weights=None, num_classes=_OUTPUTS, **options)


@cache
def _shapes(arch: str) -> tuple[str, Mapping[str, tuple[int, ...]]]:
    """The head's name, and the shape of every weight."""
    module = _built(arch)
    return head_name(module, _OUTPUTS), {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


def _fit(found: SavedNetwork, arch: str) -> tuple[Fit | None, int, str]:
    """The fit, or None, how many weights are alike, and what is not."""
    head, own = _shapes(arch)
    named = _head_renamed(found.tensors, head, own)
    named = {name: tensor for name, tensor in named.items() if not name.startswith(AUXILIARY.get(arch, ("\0",)))}
    sizes = {tensor.shape[0] for name, tensor in named.items() if name.startswith(f"{head}.") and tensor.shape}
    classes = sizes.pop() if len(sizes) == 1 else 0
    wanted = {name: (classes, *shape[1:]) if name.startswith(f"{head}.") else shape for name, shape in own.items()}
    unknown = sorted(set(named) - set(own))
    missing = sorted(name for name in set(own) - set(named) if not name.endswith(_COUNTER))
    odd = sorted(name for name in set(named) & set(own) if named[name].shape != wanted[name])
    alike = len(named) - len(unknown) - len(odd) - len(missing)
    if unknown or missing or odd or classes < 2:
        parts = [_listed("unknown", unknown), _listed("missing", missing), _listed("of another shape", odd)]
        return None, alike, "; ".join(part for part in parts if part) or f"{classes} outputs"
    return Fit(arch, classes, named), alike, ""


def _head_renamed(tensors: Mapping[str, Tensor], head: str, own: Mapping[str, Any]) -> dict[str, Tensor]:
    """A head that is one Linear within an nn.Sequential (`fc.1.weight`) under the name of a bare one (`fc.weight`)."""
    inside = {name.rpartition(".")[0] for name in tensors if name.startswith(f"{head}.") and name not in own}
    if len(inside) != 1:
        return dict(tensors)
    start = f"{inside.pop()}."
    return {f"{head}.{name.removeprefix(start)}" if name.startswith(start) else name: kept for name, kept in tensors.items()}


def _differences(found: SavedNetwork, arch: str) -> list[str]:
    """Layers of a pickled module that are of another class than the architecture's, or set otherwise."""
    module, different = _built(arch), []
    head = head_name(module, _OUTPUTS)
    for name, layer in module.named_modules():
        if name not in found.layers or name == head or not type(layer).__module__.startswith("torch.nn."):
            continue
        kind, told = found.layers[name]
        there, here = (_SAME.get(class_name, class_name) for class_name in (kind.name, type(layer).__name__))
        if there != here and there not in _CONTAINERS and here not in _CONTAINERS:
            different.append(f"{name} is {there!r:.40}, not {here}")
        for key in _TOLD:
            if key in told and hasattr(layer, key) and _pair(told[key]) != _pair(getattr(layer, key)):
                different.append(f"{name} has {key} {told[key]!r:.40}, not {getattr(layer, key)}")
    for name, (kind, _) in found.layers.items():
        if name.startswith(f"{head}.") and _SAME.get(kind.name, kind.name) not in _HEAD:
            different.append(f"{name[:60]} is {kind.name!r:.40}")
    return different


def _pair(value: Any) -> Any:
    return value if isinstance(value, tuple | str) else (value, value)


def _listed(kind: str, names: list[str]) -> str:
    shown = ", ".join(ascii(name[:60])[1:-1] for name in names[:3])
    return f"{len(names)} {kind} ({shown}{', ...' if len(names) > 3 else ''})" if names else ""
