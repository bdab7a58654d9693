"""The preparation of a training: pictures or features, the network and its loader, made from the job and its channels."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from contract.machine import cgroup
from contract.manifest import digest
from contract.pictures.preprocess import Preprocessing
from contract.splits import SPLITS, TRAIN
from train import config
from train.config import Job
from train.data import batch_order, cache, features, picture_check, pictures
from train.data.cache import Cache
from train.data.features import FeatureLoader
from train.data.inputs import Inputs
from train.data.loader import Loader
from train.data.pictures import Collection
from train.errors import ConfigError
from train.model import network, pretrained
from train.model.network import Network
from train.ranks import Ranks
from train.report import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Everything that a training needs. `inputs`: make the network's input of a batch. `bad`: positions of pictures left out."""

    collection: Collection
    spec: Preprocessing
    network: Network
    loader: Loader | FeatureLoader
    inputs: Inputs
    bad: list[int]
    sources: dict[str, str]
    """SHA-256 of the file that the weights were loaded from ("" for random ones), and of the features, by channel."""
    whole: Callable[[Mapping[str, torch.Tensor]], Mapping[str, torch.Tensor]]
    """Makes the state of the whole network from the state of the part that is trained."""


def collect(job: Job) -> Collection:
    """The pictures of the job's channels. Raises DataError."""
    return pictures.collect({name: job.layout.channel(name) for name in SPLITS if name in job.channels})


def from_pictures(job: Job, collection: Collection, ranks: Ranks, report: Report, folder: Path) -> Prepared:
    """Checks every picture and builds the network. `folder`: the job's private one, for the cache. Raises TrainError."""
    settings = job.config
    for remark in collection.remarks:
        report.say(remark)
    spec = Preprocessing(resize=settings.resize, crop=settings.picture_size)
    net, weights_digest = _network(job, len(collection.classes), ranks)
    # One epoch reads a picture twice: for the check, and to learn from it or to evaluate on it. A second learns from it again.
    again = settings.epochs > 1 if settings.task == "train" else settings.views > 1
    kept = cache.create(folder / "pictures", len(collection.pictures)) if again else None
    loader = _loader(job, collection, spec, ranks, max(1, cgroup.cpus() // job.processes), kept)
    bad = picture_check.find_unusable(collection, loader, ranks, report, settings.max_bad_images)
    picture_check.require_enough(collection, job.channels, bad, ranks.size)
    if settings.task == "train":
        _check_batches(job, net, len(collection.indices(TRAIN, without=bad)), ranks)
    return Prepared(
        collection=collection,
        spec=spec,
        network=net,
        loader=loader,
        inputs=Inputs(spec, ranks.device),
        bad=bad,
        sources={"pretrained": weights_digest},
        whole=lambda state: state,
    )


def _check_batches(job: Job, net: Network, pictures: int, ranks: Ranks) -> None:
    """Raises ConfigError where a batch of the epoch would leave a process without a picture, or a BatchNorm with one value."""
    settings = job.config
    smallest = batch_order.smallest_batch(pictures, settings.batch_size)
    if smallest < ranks.size:
        raise ConfigError(
            f"batch-size: {settings.batch_size} cuts {pictures} pictures into batches of which some have {smallest}, fewer than "
            f"processes: {ranks.size}; a batch-size of {2 * ranks.size} or more always gives each process a picture"
        )
    if smallest == 1 and (names := network.norms_of_one_value(net, settings.picture_size)):
        raise ConfigError(
            f"batch-size: {settings.batch_size} cuts {pictures} pictures into batches of which some have 1, and with "
            f"picture-size: {settings.picture_size} BatchNorm {names[0]} of {settings.arch} gets one value a channel, on which "
            "it cannot train; take a batch-size of 3 or more, a larger picture-size, or batch-norm kept"
        )


def from_features(job: Job, ranks: Ranks) -> Prepared:
    """Reads the channel of features; only the head is trained. Raises FeaturesError or ConfigError."""
    folder = job.layout.channel(config.FEATURES)
    found = features.read(folder, job.config)
    return Prepared(
        collection=found.collection,
        spec=found.spec,
        network=found.network(ranks.device),
        loader=FeatureLoader(found),
        inputs=Inputs(None, ranks.device),
        bad=list(found.bad),
        sources={"pretrained": found.recipe["pretrained"], "features": digest(folder / features.VALUES)},
        whole=found.whole,
    )


def _network(job: Job, classes: int, ranks: Ranks) -> tuple[Network, str]:
    """The network on its device, and the SHA-256 of the pretrained file it started from ("" without one)."""
    settings, source = job.config, ""
    module = network.build(settings.arch, classes, settings.picture_size)
    head = network.head_name(module, classes)
    if "pretrained" in job.channels:
        path = pretrained.find_file(job.layout.channel("pretrained"))
        source = pretrained.load(module, settings.arch, head, path)
    module.to(ranks.device).to(memory_format=torch.channels_last)
    return network.freeze(module, head, settings.train_layers, keep_statistics=settings.batch_norm == "kept"), source


def _loader(job: Job, collection: Collection, spec: Preprocessing, ranks: Ranks, cpus: int, kept: Cache | None) -> Loader:
    settings, cuda = job.config, ranks.device.type == "cuda"
    workers = settings.loader_workers
    if workers is None:
        # On the CPU the network needs the cores itself; decoding takes about a quarter of its time.
        workers = 0 if cpus < 2 else min(cpus, 16) if cuda else max(1, cpus // 4)
    return Loader(
        collection.pictures,
        spec,
        seed=settings.seed,
        augment=settings.augment == "standard",
        workers=workers,
        batch=-(-settings.batch_size // ranks.size),
        pin=cuda,
        cache=kept,
    )
