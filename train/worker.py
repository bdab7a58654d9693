"""One training process from start to end: data, network, loop, artefact. Started by the supervisor, alone or by torchrun.

Its argument is the private folder of the job on this host: `job.json` to read, `stop` to look for, `failure-RANK.json` to
write when it fails.
"""

import hashlib
import sys
import traceback
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import nn

from contract import cgroup
from contract.preprocess import Preprocessing
from train import cache, config, export, machine, network, pictures, precision, records
from train.cache import Cache
from train.checkpoint import Checkpoints
from train.config import Job
from train.errors import DataError, TrainError
from train.failure import Failure
from train.hook import Hook, NoHook
from train.loader import Loader
from train.loop import Loop
from train.network import Network
from train.pictures import Collection
from train.ranks import Ranks
from train.report import Report

_CHECK_BATCH = 32
_FREE = ("loader_workers", "processes", "max_bad_images", "checkpoint_interval")
"""Hyperparameters that may differ between the attempts of one job: they do not change what is learnt."""
_PACKAGES = ("torch", "torchvision", "openvino", "numpy", "pillow", "safetensors")


def main() -> int:
    machine.die_with_parent()
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
        line = text.splitlines()[0][:400] if text else "an allocation was refused"
        return Failure(
            "OutOfMemory", f"training ran out of memory; lower batch-size or picture-size: {line}", Failure.of(error).frames
        )
    return Failure.of(error)


def _train(job: Job, ranks: Ranks, folder: Path) -> None:
    settings, report = job.config, Report(ranks.first)
    cpus = max(1, cgroup.cpus() // job.processes)
    torch.manual_seed(settings.seed)
    torch.backends.cudnn.benchmark = True
    spec = Preprocessing(resize=settings.resize, crop=settings.picture_size)
    splits = {name: job.layout.channel(name) for name in pictures.SPLITS if name in job.channels}
    collection = pictures.collect(splits)
    net, pretrained = _network(job, len(collection.classes), ranks)
    # One epoch reads a picture twice: for the check, and to learn from it or to evaluate on it. A second learns from it again.
    kept = cache.create(folder / "pictures", len(collection.pictures)) if settings.epochs > 1 else None
    loader = _loader(job, collection, spec, ranks, cpus, kept)
    report.say(_opening(job, collection, ranks, loader))
    bad = _check(collection, loader, ranks, report, settings.max_bad_images)
    indices = {split: collection.indices(split, without=bad) for split in splits}
    _require(indices, collection, ranks.size)
    loss = nn.CrossEntropyLoss()
    hook = _hook(job, ranks, folder, net, loss)
    loop = Loop(
        config=settings,
        spec=spec,
        network=net,
        ranks=ranks,
        loader=loader,
        checkpoints=Checkpoints(job.checkpoints, _fields(job, collection, pretrained), report),
        report=report,
        indices=indices,
        hook=hook,
        loss=loss,
        precision=precision.chosen(settings.precision, ranks.device, job.hook_config),
    )
    _resume(loop, ranks, report)
    if ranks.first:
        loop.log = records.StepLog(job.layout.output_data, loop.position.taken)
    finished = loop.run()
    metrics = _finish(loop, job, collection, finished)
    hook.close()
    if ranks.first:
        facts = _provenance(job, loop, collection, len(bad), pretrained, finished)
        export.export(
            job.layout.model,
            loop.weights(),
            arch=settings.arch,
            classes=collection.classes,
            spec=spec,
            metrics=metrics,
            provenance=facts,
        )
        report.say(
            f"{'finished' if finished else 'stopped'} after step {loop.position.taken}; the model is in {job.layout.model}"
        )


def _network(job: Job, classes: int, ranks: Ranks) -> tuple[Network, str]:
    """The network on its device, and the SHA-256 of the pretrained file it started from ("" without one)."""
    settings, source = job.config, ""
    module = network.build(settings.arch, classes, settings.picture_size)
    head = network.head_name(module, classes)
    if "pretrained" in job.channels:
        path = network.pretrained_file(job.layout.channel("pretrained"))
        source = network.load_pretrained(module, settings.arch, head, path)
    module.to(device=ranks.device, memory_format=torch.channels_last)
    return network.freeze(module, head, settings.train_layers), source


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


def _check(collection: Collection, loader: Loader, ranks: Ranks, report: Report, limit: int) -> list[int]:
    """Positions of the pictures that cannot be used, found by opening every one. Raises DataError when they are too many."""
    own = list(range(len(collection.pictures)))[ranks.rank :: ranks.size]
    batches = [own[at : at + _CHECK_BATCH] for at in range(0, len(own), _CHECK_BATCH)]
    found: list[tuple[int, str]] = []
    for number, texts in enumerate(loader.checks(batches)):
        found += [(index, text) for index, text in zip(batches[number], texts, strict=True) if text]
        report.progress(f"checking pictures {(number + 1) * _CHECK_BATCH * ranks.size}/{len(collection.pictures)}")
        if ranks.stop_asked():
            break
    bad = sorted(pair for part in ranks.gathered(found) for pair in part)
    if bad:
        shown = "; ".join(f"{collection.pictures[index].name}: {text}" for index, text in bad[:5])
        text = f"{len(bad)} of {len(collection.pictures)} pictures cannot be used: {shown}{'; ...' if len(bad) > 5 else ''}"
        if len(bad) > limit:
            raise DataError(f"{len(bad)} bad pictures, max-bad-images is {limit}: remove them or raise max-bad-images. {text}")
        report.say(f"left out, {text}")
    return [index for index, _ in bad]


def _require(indices: dict[str, list[int]], collection: Collection, ranks: int) -> None:
    """Raises DataError for a split or a class without usable pictures, and for fewer pictures than processes."""
    for split, found in indices.items():
        if not found:
            raise DataError(f"channel {split}: no usable pictures")
    present = {collection.pictures[index].label for index in indices["train"]}
    empty = [name for label, name in enumerate(collection.classes) if label not in present]
    if empty:
        raise DataError(f"channel train: no usable pictures of {len(empty)} class(es): {', '.join(empty[:5])}")
    if len(indices["train"]) < ranks:
        raise DataError(f"channel train: {len(indices['train'])} pictures for {ranks} processes")


def _hook(job: Job, ranks: Ranks, folder: Path, net: Network, loss: nn.Module) -> Hook | NoHook:
    if job.hook_config is None or not ranks.first:
        return NoHook()
    return Hook(job.hook_config, job.layout, folder, net.module, loss)


def _fields(job: Job, collection: Collection, pretrained: str) -> dict[str, Any]:
    """What an attempt must have in common with the one whose checkpoint it goes on from."""
    kept = {name.replace("_", "-"): value for name, value in asdict(job.config).items() if name not in _FREE}
    listing = hashlib.sha256("\0".join(picture.name for picture in collection.pictures).encode("utf-8", "surrogateescape"))
    return kept | {"picture names": listing.hexdigest()[:16], "pretrained": pretrained}


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
        found, names = collection.pictures, collection.classes
        rows = [(found[index].name, names[found[index].label], names[best]) for index, best in score.predictions]
        if loop.ranks.first:
            records.write_predictions(job.layout.output_data, rows)
    if pace := loop.pace():
        metrics |= {"train:seconds_per_step": pace[0], "train:pictures_per_second": pace[1]}
    for name in ("test:loss", "test:accuracy", "train:seconds_per_step", "train:pictures_per_second"):
        if name in metrics:
            loop.report.metric(name, metrics[name])
    if loop.ranks.first:
        records.write_history(job.layout.output_data, loop.history)
    return metrics


def _opening(job: Job, collection: Collection, ranks: Ranks, loader: Loader) -> str:
    counts = ", ".join(f"{split} {len(found)}" for split in pictures.SPLITS if (found := collection.indices(split)))
    return (
        f"{job.config.arch}, training {job.config.train_layers}: {len(collection.classes)} classes, pictures: {counts}; "
        f"{ranks.size} process(es) on {ranks.device.type}, each with {torch.get_num_threads()} thread(s) and {loader.workers} "
        f"loader worker(s)"
    )


def _provenance(job: Job, loop: Loop, collection: Collection, bad: int, pretrained: str, finished: bool) -> dict[str, Any]:
    return {
        "job": job.name,
        "hyperparameters": {name.replace("_", "-"): value for name, value in asdict(job.config).items()},
        "versions": {name: version(name) for name in _PACKAGES},
        "pictures": {split: len(found) for split, found in loop.indices.items()},
        "bad_pictures": bad,
        "pretrained_sha256": pretrained,
        "steps": loop.position.taken,
        "epochs": len(loop.history),
        "finished": finished,
    }


if __name__ == "__main__":
    sys.exit(main())
