"""The files of features: the input of a frozen network's head for each picture, computed once and kept for many trainings.

    features.safetensors   float32: `train` [views, pictures, values], each other split [pictures, values]
    network.safetensors    the network they are of, with the head that training starts from
    features.json          the recipe they were made by, every picture with its class, and both files' SHA-256; written last

This module reads and writes them and hands their rows out as a loader does; frozen_backbone.py computes them.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypedDict, get_args

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from contract.errors import ArtefactError
from contract.files import replacing, write_whole
from contract.manifest import digest
from contract.pictures.preprocess import Preprocessing
from contract.reason import first_line
from contract.splits import TRAIN, VALIDATION
from train.config import Config
from train.data.loader import Batch
from train.data.pictures import Collection, Picture
from train.errors import ConfigError, FeaturesError
from train.model.network import Network

MARKER, VALUES, NETWORK = "features.json", "features.safetensors", "network.safetensors"
FORMAT = 1
"""The version of the files and of what their values mean; features of another version are computed again."""
Shared = Literal["arch", "picture_size", "crop_pct", "augment", "seed", "views", "precision"]
SHARED: tuple[Shared, ...] = get_args(Shared)
"""Hyperparameters that a job on features must share with the job that computed them."""


class Recipe(TypedDict):
    """Everything that features depend on. `numbers`: the number format that training pictures went through the network in.

    `pictures` is a SHA-256 of their names, classes and bytes, `pretrained` that of the weights, empty where there were none.
    """

    arch: str
    picture_size: int
    crop_pct: float
    augment: str
    seed: int
    views: int
    precision: str
    numbers: str
    format: int
    pictures: str
    pretrained: str


class FileRecord(TypedDict):
    """What a file beside the marker was when it was written."""

    sha256: str
    bytes: int


class Marker(TypedDict):
    """The content of features.json. `pictures` are (name, position of the class), `bad` the positions of those left out."""

    format: int
    recipe: Recipe
    preprocessing: dict[str, Any]
    head: str
    classes: list[str]
    pictures: list[tuple[str, int]]
    bad: list[int]
    files: dict[str, FileRecord]


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """The content of the files. `tensors`: by split. `weights`: of the whole network. `bad`: positions of pictures left out."""

    recipe: Recipe
    collection: Collection
    bad: tuple[int, ...]
    spec: Preprocessing
    head: str
    tensors: Mapping[str, torch.Tensor]
    weights: Mapping[str, torch.Tensor]

    def network(self, device: torch.device) -> Network:
        """The head alone, as training starts from it."""
        weight, bias = self.weights[f"{self.head}.weight"], self.weights.get(f"{self.head}.bias")
        layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
        layer.load_state_dict({"weight": weight} | ({} if bias is None else {"bias": bias}))
        layer.to(device)
        return Network(layer, "", (layer,))

    def whole(self, head: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """The state of the whole network with a trained head in it."""
        return dict(self.weights) | {f"{self.head}.{name}": tensor for name, tensor in head.items()}


class FeatureLoader:
    """Rows of features by their pictures' positions in the collection; epochs take the views in turn."""

    workers = 0

    def __init__(self, features: Features) -> None:
        self._tensors, pictures = features.tensors, features.collection.pictures
        self._splits = [picture.split for picture in pictures]
        self._labels = torch.tensor([picture.label for picture in pictures])
        self._rows = torch.full((len(pictures),), -1)
        for split in features.tensors:
            indices = features.collection.indices(split, without=features.bad)
            self._rows[indices] = torch.arange(len(indices))

    def training(self, epoch: int, batches: Sequence[Sequence[int]]) -> Iterator[Batch]:
        views = self._tensors[TRAIN]
        return self._taken(views[epoch % len(views)], batches)

    def evaluation(self, batches: Sequence[Sequence[int]]) -> Iterator[Batch]:
        for batch in batches:
            yield from self._taken(self._tensors[self._splits[batch[0]]], [batch])

    def _taken(self, values: torch.Tensor, batches: Sequence[Sequence[int]]) -> Iterator[Batch]:
        for batch in batches:
            yield Batch(values[self._rows[batch]], self._labels[batch])


def why_stale(folder: Path, recipe: Recipe) -> str | None:
    """Why the folder's features are not those of the recipe, in a few words; None when they are and are whole."""
    try:
        body = _marker(folder)
        made = body["recipe"]
        if made != recipe:
            names = sorted(name for name, value in recipe.items() if not isinstance(made, dict) or made.get(name) != value)
            return f"they were made with another {' and '.join(names) or 'recipe'}"
        _check_files(folder, body)
    except FileNotFoundError:
        return "there are none yet"
    except FeaturesError as error:
        return str(error)
    except (KeyError, TypeError):
        return f"{MARKER}: not what this program writes"
    return None


def write(folder: Path, features: Features) -> int:
    """Writes the files, the marker last, and returns their bytes. Raises FeaturesError when they cannot be written."""
    collection = features.collection
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob(".*.tmp"):  # what a killed job left
            path.unlink()
        (folder / MARKER).unlink(missing_ok=True)
        for name, tensors in ((VALUES, features.tensors), (NETWORK, features.weights)):
            with replacing(folder / name) as aside:
                save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, aside)
                aside.chmod(0o644)  # safetensors makes it readable to its owner only
        body: Marker = {
            "format": FORMAT,
            "recipe": features.recipe,
            "preprocessing": features.spec.to_json(),
            "head": features.head,
            "classes": list(collection.classes),
            "pictures": [(picture.name, picture.label) for picture in collection.pictures],
            "bad": list(features.bad),
            "files": {name: {"sha256": digest(folder / name), "bytes": _size(folder / name)} for name in (VALUES, NETWORK)},
        }
        write_whole(folder / MARKER, json.dumps(body) + "\n")
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or first_line(error)
        raise FeaturesError(f"features cannot be written to {folder}: {reason}") from None
    return sum(_size(folder / name) for name in (MARKER, VALUES, NETWORK))


def read(folder: Path, config: Config) -> Features:
    """The features of a channel, their values mapped into memory, for a job of that config.

    Raises FeaturesError naming the file that is missing, damaged or not what it should be, and ConfigError naming the
    hyperparameters that features were made with and the job has not.
    """
    try:
        body = _marker(folder)
        _check_files(folder, body)
        features = _parsed(folder, body)
        recipe = features.recipe
        wrong = {name: recipe[name] for name in SHARED if recipe[name] != getattr(config, name)}
    except FileNotFoundError as error:
        raise FeaturesError(f"channel features: {Path(error.filename or MARKER).name} is missing; compute them again") from None
    # Whatever a damaged or hostile file holds, it meets the readers with exceptions of nearly every kind.
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OSError, ArtefactError, SafetensorError) as error:
        raise FeaturesError(f"channel features: not what this program writes ({first_line(error)}); compute them again") from None
    if wrong:
        shown = ", ".join(f"{name.replace('_', '-')} {value!r:.40}" for name, value in wrong.items())
        raise ConfigError(f"channel features: made with {shown}; this job has other values; use the same, or compute them again")
    return features


def _marker(folder: Path) -> Marker:
    try:
        body: Marker = json.loads((folder / MARKER).read_bytes())
    except (ValueError, RecursionError) as error:
        raise FeaturesError(f"{MARKER}: not JSON ({str(error)[:100]})") from None
    if not isinstance(body, dict) or body.get("format") != FORMAT:
        raise FeaturesError(f"{MARKER}: of another format than {FORMAT}, which this program reads; compute them again")
    return body


def _check_files(folder: Path, body: Marker) -> None:
    for name in (VALUES, NETWORK):
        record = body["files"][name]
        if not (folder / name).is_file():
            raise FeaturesError(f"{name}: missing; compute them again")
        if _size(folder / name) != record["bytes"]:
            raise FeaturesError(
                f"{name}: {_size(folder / name):,} bytes where {MARKER} says {record['bytes']}; compute them again"
            )
        if digest(folder / name) != record["sha256"]:
            raise FeaturesError(f"{name}: SHA-256 is not what {MARKER} says; compute them again")


def _parsed(folder: Path, body: Marker) -> Features:
    """Raises ValueError, KeyError or TypeError for what does not fit together."""
    classes, rows = tuple(map(str, body["classes"])), body["pictures"]
    pictures = tuple(Picture(Path(name), name, name.partition("/")[0], label) for name, label in rows)
    if not all(type(picture.label) is int and 0 <= picture.label < len(classes) for picture in pictures):
        raise ValueError("a picture's class is not one of the classes")
    features = Features(
        recipe=body["recipe"],
        collection=Collection(classes, pictures),
        bad=tuple(int(index) for index in body["bad"]),
        spec=Preprocessing.from_json(body["preprocessing"]),
        head=str(body["head"]),
        tensors=load_file(folder / VALUES),
        weights=load_file(folder / NETWORK),
    )
    head = features.weights[f"{features.head}.weight"]
    if head.ndim != 2 or len(head) != len(classes):
        raise ValueError(f"{NETWORK}: its head is not of {len(classes)} classes")
    for split, tensor in features.tensors.items():
        count = len(features.collection.indices(split, without=features.bad))
        shape = [features.recipe["views"]] * (split == TRAIN) + [count, head.shape[1]]
        if list(tensor.shape) != shape or tensor.dtype != torch.float32:
            raise ValueError(f"{VALUES}: {split} is {tensor.dtype} {list(tensor.shape)}, not float32 {shape}")
    if not {TRAIN, VALIDATION} <= set(features.tensors):
        raise ValueError(f"{VALUES}: no train or no validation")
    return features


def _size(path: Path) -> int:
    return path.stat().st_size
