"""The frozen part of a network computes features: every picture goes through it once a view, and its head's input is kept.

A head trained on features takes, step by step, the steps of one trained in the whole network: the frozen part is in evaluation
mode there, too (network.py), so a picture's features do not depend on its batch.
"""

import hashlib
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import nn

from contract.manifest import digest
from contract.pictures.preprocess import Preprocessing
from contract.splits import SPLITS, TRAIN
from train.config import Config
from train.data import features
from train.data.features import FORMAT, Features, Recipe
from train.data.inputs import Inputs
from train.data.loader import Loader
from train.data.pictures import Collection
from train.errors import ConfigError, FeaturesError
from train.model.network import Network
from train.report import Report


def recipe(config: Config, collection: Collection, pretrained: Path | None, numbers: torch.dtype) -> Recipe:
    """Everything that the features depend on. Reads every picture's bytes, in a hundredth of the time that decoding takes.

    `numbers`: the number format for training pictures, which `precision` may leave to the machine.
    """
    listing = hashlib.sha256()
    for picture in collection.pictures:
        content = digest(picture.path) if not picture.problem else picture.problem
        listing.update(f"{picture.name}\0{picture.label}\0{content}\n".encode("utf-8", "surrogateescape"))
    return {
        "arch": config.arch,
        "picture_size": config.picture_size,
        "crop_pct": config.crop_pct,
        "augment": config.augment,
        "seed": config.seed,
        "views": config.views,
        "precision": config.precision,
        "numbers": str(numbers).removeprefix("torch."),
        "format": FORMAT,
        "pictures": listing.hexdigest(),
        "pretrained": digest(pretrained) if pretrained else "",
    }


class FrozenBackbone:
    """A network whose head's input is kept. `numbers`: the number format for training pictures; evaluation is float32. `stop`:
    whether to stop, asked at every batch."""

    def __init__(
        self,
        network: Network,
        loader: Loader,
        inputs: Inputs,
        report: Report,
        *,
        numbers: torch.dtype,
        stop: Callable[[], bool],
    ) -> None:
        self._module, self._head = network.module.eval(), network.module.get_submodule(network.head)
        self._loader, self._inputs, self._report, self._numbers, self._stop = loader, inputs, report, numbers, stop
        self._given: torch.Tensor | None = None
        self._head.register_forward_pre_hook(self._keep)

    def _keep(self, module: nn.Module, arguments: tuple[torch.Tensor]) -> None:
        self._given = arguments[0]

    @torch.inference_mode()
    def values(self, what: str, indices: Sequence[int], batch: int, view: int | None) -> torch.Tensor | None:
        """Features of the pictures, float32 [pictures, values]; None when asked to stop. `view`: None is as in evaluation.

        Raises ConfigError for a network that does more after its last layer, and FeaturesError for a value that is not finite.
        """
        batches = [indices[at : at + batch] for at in range(0, len(indices), batch)]
        loaded = self._loader.evaluation(batches) if view is None else self._loader.training(view, batches)
        kept, started = [], time.monotonic()
        for number, pictures in enumerate(loaded):
            if self._stop():
                return None
            given = self._passed(self._inputs.of(pictures), torch.float32 if view is None else self._numbers)
            if not bool(given.isfinite().all()):
                raise FeaturesError(f"{what}: a value is not finite; do the pretrained weights hold NaN?")
            kept.append(given.float().cpu())
            self._report.progress(f"{what} {number + 1}/{len(batches)}")
        seconds = time.monotonic() - started
        self._report.say(
            f"features of {what}: {len(indices):,} pictures in {seconds:.1f} s, {len(indices) / seconds:.0f} a second"
        )
        return torch.cat(kept)

    def _passed(self, inputs: torch.Tensor, numbers: torch.dtype) -> torch.Tensor:
        """The head's input for these inputs of the network."""
        with torch.autocast(inputs.device.type, torch.bfloat16, enabled=numbers == torch.bfloat16):
            logits, given = self._module(inputs), self._given
            if given is None or given.ndim != 2 or type(self._head) is not nn.Linear or not _same(self._head(given), logits):
                raise ConfigError("task: features need a network that ends in a Linear layer, and arch does more after its last")
        return given


def compute_features(
    folder: Path,
    recipe: Recipe,
    *,
    config: Config,
    spec: Preprocessing,
    network: Network,
    collection: Collection,
    bad: Sequence[int],
    backbone: FrozenBackbone,
) -> int | None:
    """Computes the features of every split, writes them and returns their bytes; None when asked to stop before the end."""
    tensors = {}
    views = range(config.views)
    for split in SPLITS:
        indices = collection.indices(split, without=bad)
        if not indices:
            continue
        asked = [(f"train, view {view + 1} of {config.views}", view) for view in views] if split == TRAIN else [(split, None)]
        found = []
        for what, view in asked:
            values = backbone.values(what, indices, config.batch_size, view)
            if values is None:
                return None
            found.append(values)
        tensors[split] = torch.stack(found) if split == TRAIN else found[0]
    weights = {name: tensor.detach().cpu() for name, tensor in network.module.state_dict().items()}
    made = Features(
        recipe=recipe, collection=collection, bad=tuple(bad), spec=spec, head=network.head, tensors=tensors, weights=weights
    )
    return features.write(folder, made)


def _same(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.shape == other.shape and math.isclose(float((one - other).abs().max()), 0.0, abs_tol=1e-4)
