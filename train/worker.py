"""One training process from start to end: data, network, loop, artefact. Started by the supervisor, alone or by torchrun.

Its argument is the private folder of the job on this host: `job.json` to read, `stop` to look for, `failure-RANK.json` to
write when it fails.
"""

import hashlib
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import nn

from contract import cgroup
from contract.manifest import digest
from contract.preprocess import Preprocessing
from contract.process import end_with_parent
from contract.reason import first_line
from contract.splits import SPLITS
from train import config, output_files
from train.checkpoint import Checkpoints
from train.config import Job
from train.data import cache, features, frozen_backbone, picture_check, pictures
from train.data.cache import Cache
from train.data.features import FeatureLoader
from train.data.inputs import Inputs
from train.data.loader import Loader, explained
from train.data.pictures import Collection
from train.errors import TrainError
from train.export import weights
from train.failure import Failure
from train.loop import Loop
from train.model import network, precision
from train.model.network import Network
from train.profiling import profiler
from train.profiling.debug_hook import Hook, NoHook
from train.ranks import Ranks
from train.report import Report

_FREE = (
    *("loader_workers", "processes", "max_bad_images", "checkpoint_interval"),
    *("serve_precision", "export", "profile", "profile_steps"),
)
"""Hyperparameters that may differ between the attempts of one job: they do not change what is learnt."""
_PACKAGES = ("torch", "torchvision", "openvino", "nncf", "numpy", "pillow", "safetensors")


def main() -> int:
    end_with_parent()
    folder, place = Path(sys.argv[1]), config.place()
    try:
        job = Job.load(folder / "job.json")
        ranks = Ranks(place, folder / "stop")
        _train(job, ranks, folder)
        ranks.close()
        return 0
    except Exception as error:
        if not isinstance(error, TrainError):
            traceback.print_exc()
        _failure(error).save(folder / f"failure-{place.rank}.json")
        return 1


def _failure(error: Exception) -> Failure:
    text = str(error)
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in text:
        line = first_line(error, 400) if text else "an allocation was refused"
        return Failure(
            "OutOfMemory", f"training ran out of memory; lower batch-size or picture-size: {line}", Failure.of(error).frames
        )
    return Failure.of(error)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Material:
    """What there is to learn from and what learns. `inputs`: how batches become its input. `bad`: pictures left out.

    `source`: what of it comes from elsewhere, by name. `whole`: from the state of what learns to that of the whole network.
    """

    collection: Collection
    spec: Preprocessing
    network: Network
    loader: Loader | FeatureLoader
    inputs: Inputs
    bad: list[int]
    source: dict[str, str]
    whole: Callable[[Mapping[str, torch.Tensor]], Mapping[str, torch.Tensor]]


def _train(job: Job, ranks: Ranks, folder: Path) -> None:
    settings, report = job.config, Report(ranks.first)
    torch.manual_seed(settings.seed)
    torch.backends.cudnn.benchmark = True
    if settings.task == "features":
        return _keep_features(job, ranks, report, folder)
    export = _exporter(settings.export)
    material = _of_features(job, ranks) if job.on_features else _of_pictures(job, _collect(job), ranks, report, folder)
    collection, net = material.collection, material.network
    report.say(_opening(job, collection, ranks, material.loader))
    indices = {split: found for split in SPLITS if (found := collection.indices(split, without=material.bad))}
    loss = nn.CrossEntropyLoss()
    hook = _hook(job, ranks, folder, net, loss)
    loop = Loop(
        config=settings,
        inputs=material.inputs,
        network=net,
        ranks=ranks,
        loader=material.loader,
        checkpoints=Checkpoints(job.checkpoints, _fields(job, collection, material.source), report),
        report=report,
        indices=indices,
        hook=hook,
        loss=loss,
        precision=precision.chosen(settings.precision, ranks.device, job.hook_config),
        profiler=profiler.make(job, ranks, report),
    )
    _resume(loop, ranks, report)
    if ranks.first:
        loop.log = output_files.StepLog(job.layout.output_data, loop.position.taken)
    with profiler.closing(loop.profiler):
        try:
            finished = loop.run()
        except RuntimeError as error:
            raise explained(error, material.loader.workers) from None
        metrics = _finish(loop, job, collection, finished)
    hook.close()
    if ranks.first:
        facts = _provenance(job, loop, len(material.bad), material.source, finished)
        export(
            job.layout.model,
            material.whole(loop.weights()),
            arch=settings.arch,
            classes=collection.classes,
            spec=material.spec,
            metrics=metrics,
            provenance=facts,
            **_judges(job, material, loop, finished),
        )
        report.say(
            f"{'finished' if finished else 'stopped'} after step {loop.position.taken}; the model is in {job.layout.model}"
        )


def _exporter(kind: str) -> Callable[..., Any]:
    """What writes the artefact. Imported at the start: what cannot be exported must not be told after the last epoch."""
    if kind == "weights":
        return weights.export
    from train.export import artefact

    return artefact.export


def _judges(job: Job, material: _Material, loop: Loop, finished: bool) -> dict[str, Any]:
    """What the whole artefact's other precisions are made from and judged by: pictures, so not where there are features."""
    settings, samples = job.config, None
    if settings.export == "weights":
        return {}
    if finished and settings.serve_precision == "auto" and not job.on_features:
        from train.export.quantize import Samples

        samples = Samples(material.loader, material.spec, loop.indices, settings.batch_size, loop.ranks.stop_asked)
    return {"samples": samples, "report": loop.report}


def _collect(job: Job) -> Collection:
    return pictures.collect({name: job.layout.channel(name) for name in SPLITS if name in job.channels})


def _of_pictures(job: Job, collection: Collection, ranks: Ranks, report: Report, folder: Path) -> _Material:
    settings = job.config
    spec = Preprocessing(resize=settings.resize, crop=settings.picture_size)
    net, pretrained = _network(job, len(collection.classes), ranks)
    # One epoch reads a picture twice: for the check, and to learn from it or to evaluate on it. A second learns from it again.
    again = settings.epochs > 1 if settings.task == "train" else settings.views > 1
    kept = cache.create(folder / "pictures", len(collection.pictures)) if again else None
    loader = _loader(job, collection, spec, ranks, max(1, cgroup.cpus() // job.processes), kept)
    bad = picture_check.check(collection, loader, ranks, report, settings.max_bad_images)
    picture_check.require(collection, job.channels, bad, ranks.size)
    return _Material(
        collection=collection,
        spec=spec,
        network=net,
        loader=loader,
        inputs=Inputs(spec, ranks.device),
        bad=bad,
        source={"pretrained": pretrained},
        whole=lambda state: state,
    )


def _of_features(job: Job, ranks: Ranks) -> _Material:
    folder = job.layout.channel(config.FEATURES)
    found = features.read(folder, job.config)
    return _Material(
        collection=found.collection,
        spec=found.spec,
        network=found.network(ranks.device),
        loader=FeatureLoader(found),
        inputs=Inputs(None, ranks.device),
        bad=list(found.bad),
        source={"pretrained": found.recipe["pretrained"], "features": digest(folder / features.VALUES)},
        whole=found.whole,
    )


def _keep_features(job: Job, ranks: Ranks, report: Report, own: Path) -> None:
    """The task `features`: see that the checkpoint folder holds those of this job's pictures and network."""
    collection, folder, pretrained = _collect(job), job.checkpoints, None
    if "pretrained" in job.channels:
        pretrained = network.pretrained_file(job.layout.channel("pretrained"))
    numbers = precision.chosen(job.config.precision, ranks.device, job.hook_config)
    recipe = frozen_backbone.recipe(job.config, collection, pretrained, numbers)
    reason = features.problem(folder, recipe)
    if reason is None:
        return report.say(f"features are in {folder} already, whole and of these pictures and weights")
    report.say(f"features are computed: {reason}")
    material = _of_pictures(job, collection, ranks, report, own)
    frozen = frozen_backbone.Backbone(
        material.network, material.loader, material.inputs, report, numbers=numbers, stop=ranks.stop_asked
    )
    size = frozen_backbone.keep(
        folder,
        recipe,
        config=job.config,
        spec=material.spec,
        network=material.network,
        collection=collection,
        bad=material.bad,
        backbone=frozen,
    )
    report.say("stopped; features are kept whole or not at all" if size is None else f"features are in {folder}: {size:,} bytes")


def _network(job: Job, classes: int, ranks: Ranks) -> tuple[Network, str]:
    """The network on its device, and the SHA-256 of the pretrained file it started from ("" without one)."""
    settings, source = job.config, ""
    module = network.build(settings.arch, classes, settings.picture_size)
    head = network.head_name(module, classes)
    if "pretrained" in job.channels:
        path = network.pretrained_file(job.layout.channel("pretrained"))
        source = network.load_pretrained(module, settings.arch, head, path)
    module.to(device=ranks.device, memory_format=torch.channels_last)
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


def _hook(job: Job, ranks: Ranks, folder: Path, net: Network, loss: nn.Module) -> Hook | NoHook:
    if job.hook_config is None or not ranks.first:
        return NoHook()
    return Hook(job.hook_config, job.layout, folder, net.module, loss)


def _fields(job: Job, collection: Collection, source: dict[str, str]) -> dict[str, Any]:
    """What an attempt must have in common with the one whose checkpoint it goes on from."""
    kept = {name.replace("_", "-"): value for name, value in asdict(job.config).items() if name not in _FREE}
    listing = hashlib.sha256("\0".join(picture.name for picture in collection.pictures).encode("utf-8", "surrogateescape"))
    return kept | {"picture names": listing.hexdigest()[:16]} | source


def _resume(loop: Loop, ranks: Ranks, report: Report) -> None:
    found = loop.checkpoints.load(torch.device("cpu")) if ranks.first else None
    found = ranks.from_first(found)
    if found is not None:
        loop.restore(found[1])
        report.say(f"resumed from the checkpoint of step {found[0]}")


def _finish(loop: Loop, job: Job, collection: Collection, finished: bool) -> dict[str, float]:
    """The test, the last metric lines and the records; the metrics of the artefact."""
    metrics = {name: value for name, value in (loop.history[-1] if loop.history else {}).items() if name != "epoch"}
    if finished and "test" in loop.indices and (score := loop.evaluate("test")) is not None:
        metrics |= {"test:loss": score.loss, "test:accuracy": score.accuracy}
    if finished and loop.score is not None and loop.ranks.first:
        found, names = collection.pictures, collection.classes
        rows = [(found[at].name, names[found[at].label], names[best], sure) for at, best, sure in loop.score.predictions]
        output_files.write_predictions(job.layout.output_data, "test" if "test:loss" in metrics else "validation", rows)
    if pace := loop.pace():
        metrics |= {"train:seconds_per_step": pace[0], "train:pictures_per_second": pace[1]}
    for name in ("test:loss", "test:accuracy", "train:seconds_per_step", "train:pictures_per_second"):
        if name in metrics:
            loop.report.metric(name, metrics[name])
    if loop.ranks.first:
        output_files.write_history(job.layout.output_data, loop.history)
    return metrics


def _opening(job: Job, collection: Collection, ranks: Ranks, loader: Loader | FeatureLoader) -> str:
    counts = ", ".join(f"{split} {len(found)}" for split in SPLITS if (found := collection.indices(split)))
    how = " on kept features" if job.on_features else ""
    return (
        f"{job.config.arch}, training {job.config.train_layers}{how}: {len(collection.classes)} classes, pictures: {counts}; "
        f"{ranks.size} process(es) on {ranks.device.type}, each with {torch.get_num_threads()} thread(s) and {loader.workers} "
        f"loader worker(s)"
    )


def _provenance(job: Job, loop: Loop, bad: int, source: dict[str, str], finished: bool) -> dict[str, Any]:
    return {
        "job": job.name,
        "hyperparameters": {name.replace("_", "-"): value for name, value in asdict(job.config).items()},
        "versions": {name: version(name) for name in _PACKAGES},
        "pictures": {split: len(found) for split, found in loop.indices.items()},
        "bad_pictures": bad,
        **{f"{name}_sha256": value for name, value in source.items()},
        "steps": loop.position.taken,
        "epochs": len(loop.history),
        "finished": finished,
    }


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # All is written and closed. Threads that native libraries leave behind can abort the interpreter's own way out, and what was
    # trained would count as failed.
    os._exit(status)
