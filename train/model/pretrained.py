"""Weights from the `pretrained` channel, put into a network. They are only ever read as tensors; nothing is downloaded."""

import pickle
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

from contract.manifest import digest
from contract.reason import first_line
from contract.weights import weights_file
from train.errors import PretrainedError
from train.model.network import AUXILIARY

SUFFIXES = (".pth", ".pt", ".safetensors")


def find_file(channel: Path) -> Path:
    """The one weight file of the `pretrained` channel."""
    found = sorted(path for path in channel.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if len(found) != 1:
        names = ", ".join(path.name for path in found[:5]) or "none"
        raise PretrainedError(f"channel pretrained: needs exactly one {', '.join(SUFFIXES)} file; found {names}")
    return found[0]


def load(module: nn.Module, arch: str, head: str, path: Path) -> str:
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
        if found := weights_file.problem(path):
            raise PretrainedError(f"{path.name} {found}")
        if path.suffix.lower() == ".safetensors":
            weights = load_file(path)
        else:
            weights = torch.load(path, map_location="cpu", weights_only=True)
    except PretrainedError:
        raise
    except pickle.UnpicklingError:  # torch's own words advise to switch its safety off
        raise PretrainedError(f"{path.name} holds more than tensors, which is not loaded; save model.state_dict()") from None
    # A hostile or broken file makes the readers raise nearly anything.
    except Exception as error:
        raise PretrainedError(f"{path.name} cannot be read as weights: {first_line(error)}") from None
    if not isinstance(weights, dict) or not all(isinstance(tensor, torch.Tensor) for tensor in weights.values()):
        raise PretrainedError(f"{path.name}: not a flat state dict of tensors; save model.state_dict()")
    return dict(weights)


def _listed(kind: str, names: list[str]) -> str:
    return f"{len(names)} {kind} ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})" if names else ""
