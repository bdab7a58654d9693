"""One training process from start to end: preparation, loop, artefact. The supervisor starts it, alone or by torchrun.

Its argument is the private folder of the job on this host, with `job.json`; a file `stop` appears there when the job shall stop,
and the process writes `failure-RANK.json` there when it fails.
"""

import hashlib
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import nn

from contract.machine import process
from contract.splits import SPLITS, TEST, VALIDATION
from train import config, output_files, preparation
from train.checkpoint import Checkpoints
from train.config import Job
from train.data import features, frozen_backbone
from train.data.features import FeatureLoader
from train.data.loader import Loader, as_loader_error
from train.data.pictures import Collection
from train.errors import TrainError
from train.export import weights
from train.failure import Failure
from train.loop import Loop
from train.model import precision, pretrained
from train.model.network import Network
from train.preparation import Prepared
from train.profiling import profiler
from train.profiling.debug_hook import Hook, NoHook
from train.ranks import Ranks
from train.report import Report

_MAY_DIFFER = (
    *("loader_workers", "processes", "max_bad_images", "checkpoint_interval"),
    *("serve_precision", "export", "profile", "profile_steps"),
)
"""Hyperparameters that may differ between the attempts of one job, for they do not change what is learnt."""
_PACKAGES = ("torch", "torchvision", "openvino", "nncf", "numpy", "pillow", "safetensors")


def main() -> int:
    process.end_with_parent()
    folder, rank = Path(sys.argv[1]), config.process_rank()
    try:
        job = Job.load(folder / "job.json")
        ranks = Ranks(rank, folder / "stop")
        _train(job, ranks, folder)
        ranks.close()
        return 0
    except Exception as error:
        if not isinstance(error, TrainError):
            traceback.print_exc()
        _failure(error).save(folder / f"failure-{rank.rank}.json")
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
    torch.manual_seed(settings.seed)
    torch.backends.cudnn.benchmark = True
    if settings.task == "features":
        return _keep_features(job, ranks, report, folder)
    export = _exporter(settings.export)
    prepared = (
        preparation.from_features(job, ranks)
        if job.on_features
        else preparation.from_pictures(job, preparation.collect(job), ranks, report, folder)
    )
    collection, net = prepared.collection, prepared.network
    report.say(_opening(job, collection, ranks, prepared.loader))
    indices = {split: found for split in SPLITS if (found := collection.indices(split, without=prepared.bad))}
    loss = nn.CrossEntropyLoss()
    hook = _hook(job, ranks, folder, net, loss)
    loop = Loop(
        config=settings,
        inputs=prepared.inputs,
        network=net,
        ranks=ranks,
        loader=prepared.loader,
        checkpoints=Checkpoints(job.checkpoints, _fields(job, collection, prepared.sources), report),
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
            raise as_loader_error(error, prepared.loader.workers) from None
        metrics = _finish(loop, job, collection, finished)
    hook.close()
    if ranks.first:
        facts = _provenance(job, loop, len(prepared.bad), prepared.sources, finished)
        export(
            job.layout.model,
            prepared.whole(loop.weights()),
            arch=settings.arch,
            classes=collection.classes,
            spec=prepared.spec,
            metrics=metrics,
            provenance=facts,
            **_precision_options(job, prepared, loop, finished),
        )
        report.say(
            f"{'finished' if finished else 'stopped'} after step {loop.position.taken}; the model is in {job.layout.model}"
        )


def _exporter(kind: str) -> Callable[..., Any]:
    """The function that writes the artefact, imported before the first epoch: an export that cannot work is told before it."""
    if kind == "weights":
        return weights.export
    from train.export import artefact

    return artefact.export


def _precision_options(job: Job, prepared: Prepared, loop: Loop, finished: bool) -> dict[str, Any]:
    """The pictures that the artefact's other precisions are made from and judged by; a job on features has none."""
    settings, samples = job.config, None
    if settings.export == "weights":
        return {}
    if finished and settings.serve_precision == "auto" and isinstance(prepared.loader, Loader):
        from train.export.quantize import Samples

        samples = Samples(prepared.loader, prepared.spec, loop.indices, settings.batch_size, loop.ranks.stop_asked)
    return {"samples": samples, "report": loop.report}


def _keep_features(job: Job, ranks: Ranks, report: Report, own: Path) -> None:
    """The task `features`: the checkpoint folder gets the features of this job's pictures and network, unless it has them."""
    collection, folder, weights_file = preparation.collect(job), job.checkpoints, None
    if "pretrained" in job.channels:
        weights_file = pretrained.find_file(job.layout.channel("pretrained"))
    numbers = precision.chosen(job.config.precision, ranks.device, job.hook_config)
    recipe = frozen_backbone.recipe(job.config, collection, weights_file, numbers)
    reason = features.why_stale(folder, recipe)
    if reason is None:
        return report.say(f"the features of these pictures and weights are in {folder} already")
    report.say(f"features are computed: {reason}")
    prepared = preparation.from_pictures(job, collection, ranks, report, own)
    assert isinstance(prepared.loader, Loader)
    frozen = frozen_backbone.FrozenBackbone(
        prepared.network, prepared.loader, prepared.inputs, report, numbers=numbers, stop=ranks.stop_asked
    )
    size = frozen_backbone.compute_features(
        folder,
        recipe,
        config=job.config,
        spec=prepared.spec,
        network=prepared.network,
        collection=collection,
        bad=prepared.bad,
        backbone=frozen,
    )
    report.say("stopped; features are kept whole or not at all" if size is None else f"features are in {folder}: {size:,} bytes")


def _hook(job: Job, ranks: Ranks, folder: Path, net: Network, loss: nn.Module) -> Hook | NoHook:
    if job.hook_config is None or not ranks.first:
        return NoHook()
    return Hook(job.hook_config, job.layout, folder, net.module, loss)


def _fields(job: Job, collection: Collection, sources: dict[str, str]) -> dict[str, Any]:
    """The values that an attempt must share with the one whose checkpoint it goes on from."""
    kept = {name.replace("_", "-"): value for name, value in asdict(job.config).items() if name not in _MAY_DIFFER}
    listing = hashlib.sha256("\0".join(picture.name for picture in collection.pictures).encode("utf-8", "surrogateescape"))
    return kept | {"picture names": listing.hexdigest()[:16]} | sources


def _resume(loop: Loop, ranks: Ranks, report: Report) -> None:
    found = loop.checkpoints.load(torch.device("cpu")) if ranks.first else None
    found = ranks.from_first(found)
    if found is not None:
        loop.restore(found[1])
        report.say(f"resumed from the checkpoint of step {found[0]}")


def _finish(loop: Loop, job: Job, collection: Collection, finished: bool) -> dict[str, float]:
    """Evaluates the test split, prints the last metrics and writes the output files; returns the artefact's metrics."""
    metrics = {name: value for name, value in (loop.history[-1] if loop.history else {}).items() if name != "epoch"}
    if finished and TEST in loop.indices and (score := loop.evaluate(TEST)) is not None:
        metrics |= {"test:loss": score.loss, "test:accuracy": score.accuracy}
    if finished and loop.score is not None and loop.ranks.first:
        found, names = collection.pictures, collection.classes
        rows = [(found[at].name, names[found[at].label], names[best], sure) for at, best, sure in loop.score.predictions]
        output_files.write_predictions(job.layout.output_data, TEST if "test:loss" in metrics else VALIDATION, rows)
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
    how = " on features" if job.on_features else ""
    return (
        f"{job.config.arch}, training {job.config.train_layers}{how}: {len(collection.classes)} classes, pictures: {counts}; "
        f"{ranks.size} process(es) on {ranks.device.type}, each with {torch.get_num_threads()} thread(s) and {loader.workers} "
        f"loader worker(s)"
    )


def _provenance(job: Job, loop: Loop, bad: int, sources: dict[str, str], finished: bool) -> dict[str, Any]:
    return {
        "job": job.name,
        "hyperparameters": {name.replace("_", "-"): value for name, value in asdict(job.config).items()},
        "versions": {name: version(name) for name in _PACKAGES},
        "pictures": {split: len(found) for split, found in loop.indices.items()},
        "bad_pictures": bad,
        **{f"{name}_sha256": value for name, value in sources.items()},
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
