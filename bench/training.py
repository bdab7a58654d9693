"""`python -m bench.training`: what a training step costs with pictures from memory, from the decoder and from the cache.

ResNet18, all layers, real dogs, batches of 16, one step of each kind in turn, in CPU seconds of this process (which decodes, so
decoding is in them). `share` is the rate as a part of that with pictures from memory in the same numbers: 1 means that reading
pictures costs nothing. It does not show waiting: with loader workers, decoding runs beside the network where a core is free.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from bench import results
from bench.machine import described
from bench.pictures import DATA, require
from contract.machine import cgroup
from contract.pictures.preprocess import Preprocessing
from train.checkpoint import Checkpoints
from train.config import Config, ProcessRank
from train.data import cache
from train.data.inputs import Inputs
from train.data.loader import Batch, Loader
from train.data.pictures import Collection, collect
from train.loop import Loop
from train.model import network, precision
from train.profiling.debug_hook import NoHook
from train.ranks import Ranks
from train.report import Report

BATCH = 16


class Memory:
    """A loader that gives the same batch again and again."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch

    def training(self, epoch: int, batches: Sequence[Sequence[int]]) -> Iterator[Batch]:
        return (self._batch for _ in batches)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA / "dogs", help="a folder with train and valid")
    parser.add_argument("--picture-size", type=int, default=224)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    require(parser, given.data)
    torch.set_num_threads(cgroup.cpus())
    machine_was = described()
    collection = collect({"train": given.data / "train", "validation": given.data / "valid"})
    found, count = collection.indices("train"), BATCH * (given.rounds + 2)
    indices = [found[at * len(found) // count] for at in range(count)]
    batches = [indices[at : at + BATCH] for at in range(0, count, BATCH)]
    spec = Preprocessing(resize=Config(picture_size=given.picture_size).resize, crop=given.picture_size)
    with tempfile.TemporaryDirectory(prefix="bench-training-") as folder:
        rows = _measure(collection, spec, batches, Path(folder))
    best = {dtype: rows[f"memory, {dtype}"] for dtype in ("float32", "bfloat16")}
    body = {name: {"cpu_s": round(cost, 4), "share": round(best[name.split(", ")[1]] / cost, 3)} for name, cost in rows.items()}
    gain = round(best["float32"] / best["bfloat16"], 2)
    settings = {"batch": BATCH, "picture_size": given.picture_size, "bfloat16_in_hardware": precision.cpu_computes_bfloat16()}
    results.write("training", {"machine": machine_was, "settings": settings, "bfloat16_gain": gain, "steps": body})
    table = Table("pictures from, numbers", "CPU s a step", "share of memory's rate")
    for name, row in body.items():
        table.add_row(name, f"{row['cpu_s']:.3f}", f"{row['share']:.3f}")
    Console().print(table, f"bfloat16 takes {gain} times fewer CPU seconds than float32")
    return 0


def _measure(collection: Collection, spec: Preprocessing, batches: list[list[int]], folder: Path) -> dict[str, float]:
    """The least CPU seconds that one step of each kind took; the first two of each are not counted."""
    kept = cache.create(folder / "pictures", len(collection.pictures))
    loaders = {name: _loader(collection, spec, used) for name, used in (("decoder", None), ("cache", kept))}
    for _ in loaders["cache"].checks(batches):
        pass
    loaders["memory"] = Memory(next(loaders["decoder"].training(0, batches)))
    kinds = {
        f"{source}, {name}": (loader, dtype)
        for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16))
        for source, loader in loaders.items()
    }
    loops = {name: _loop(collection, spec, loader, dtype, folder) for name, (loader, dtype) in kinds.items()}
    read = {name: made.loader.training(0, batches) for name, made in loops.items()}
    costs: dict[str, list[float]] = {name: [] for name in loops}
    for batch in batches:
        for name, made in loops.items():
            # This thread alone reads; torch's other threads wait for work by spinning meanwhile.
            started = time.thread_time()
            pictures = next(read[name])
            reading, started = time.thread_time() - started, time.process_time()
            made._take_step(pictures, batch)
            costs[name].append(reading + time.process_time() - started)
    return {name: min(values[2:]) for name, values in costs.items()}


def _loader(collection: Collection, spec: Preprocessing, kept: cache.Cache | None) -> Loader:
    return Loader(collection.pictures, spec, seed=0, augment=True, workers=0, batch=BATCH, pin=False, cache=kept)


def _loop(collection: Collection, spec: Preprocessing, loader: Loader, dtype: torch.dtype, folder: Path) -> Loop:
    torch.manual_seed(0)
    config, report = Config(train_layers="all", batch_size=BATCH), Report(False)
    module = network.build(config.arch, len(collection.classes), spec.crop).to(memory_format=torch.channels_last)
    net = network.freeze(module, network.head_name(module, len(collection.classes)), "all")
    net.train()
    return Loop(
        config=config,
        inputs=Inputs(spec, torch.device("cpu")),
        network=net,
        ranks=Ranks(ProcessRank(), folder / "stop"),
        loader=loader,
        checkpoints=Checkpoints(folder / "checkpoints", {}, report),
        report=report,
        indices={split: collection.indices(split) for split in ("train", "validation")},
        hook=NoHook(),
        loss=nn.CrossEntropyLoss(),
        precision=dtype,
    )


if __name__ == "__main__":
    sys.exit(main())
