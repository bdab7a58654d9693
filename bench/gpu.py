"""What a GPU gives: the network in each way to run it, the serve program beside its peers, and a whole training.

`python -m bench.gpu`: ResNet18 at 224 pixels on the first NVIDIA GPU, the peers on the same one. The network's figures hold the
way of the pictures to the GPU and of the logits back. Written to bench/results/gpu.json after each of the three parts, so that
what was measured stays when it is interrupted. What it does not show: several GPUs, a network between client and server (both
share the CPUs), or other networks.
"""

import argparse
import contextlib
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from bench import contenders, fine_tuning, peers, pictures, results
from bench.contenders import over_http, served
from bench.machine import described
from bench.pictures import DATA
from contract import manifest
from contract.machine import cgroup, gpus
from contract.precision import Precision
from serve.engines import torch as engine_torch
from tests.support import artefact
from tests.support.server import Server

SIZES = (1, 4, 16)
"""Pictures the network is given at one time."""
CONNECTIONS = (1, 4, 16, 64)
WORKERS = (1, 2, 4, 8)
"""As far as there are CPUs for them."""
PEERS = {"multi-model-server": peers.multi_model_server, "litserve": peers.litserve}
"""Each with four workers, all on the one GPU."""
OURS = {"KENNEL_ENGINE": "torch", "KENNEL_PRECISION": "bfloat16"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0, help="length of one measurement of serving")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", type=Path, default=DATA / "dogs", help="a folder with train, valid and test")
    parser.add_argument("--weights", type=Path, default=DATA / "weights" / "resnet18-imagenet.pth")
    parser.add_argument("--without", choices=tuple(PEERS), action="append", default=[], help="leave this peer out")
    parser.add_argument("--cpu", action="store_true", help="run all of it on the CPU: that it runs, not what a GPU gives")
    given = parser.parse_args()
    pictures.require(parser, given.data, given.weights)
    if given.cpu:
        os.environ[gpus.VISIBLE] = ""  # for this process, and for all that it starts
    elif not (torch.cuda.is_available() and gpus.count(os.environ)):
        parser.error("no NVIDIA GPU here; --cpu shows that it runs")
    gpu = None if given.cpu else 0
    machine = described() | {"torch": torch.__version__, "gpu": "none" if gpu is None else torch.cuda.get_device_name(gpu)}
    base = artefact.imagenet(given.weights)
    artefact.rewrite(base, precision=Precision(accepted=("bfloat16", "float32")))
    console, facts = Console(width=120), {"machine": machine}

    def keep(name: str, found: dict[str, Any]) -> None:
        facts[name] = found
        results.write("gpu", facts)

    keep("network_ms", _network(base / "model", gpu, given.rounds * given.seconds))
    console.print(_network_table(facts["network_ms"]))
    keep("serving", _serving(base, given))
    rows = [contenders.Row(**row) for row in facts["serving"]["rows"]]
    console.print(contenders.table(f"ResNet18, 224 px, {machine['gpu']}, {machine['cpus']} CPUs", rows))
    console.print({name: value for name, value in facts["serving"].items() if name != "rows"})
    keep(
        "training",
        {way: fine_tuning.run(said | {"seed": "0"}, given.data, given.weights) for way, said in fine_tuning.WAYS.items()},
    )
    for way, found in facts["training"].items():
        console.print(f"{way}: {found['wall_s']:.0f} s, test accuracy {found['test:accuracy']:.3f}")
    return 0


def _network(folder: Path, gpu: int | None, seconds: float) -> dict[str, dict[str, float]]:
    """Milliseconds of one call with so many pictures, the median of as many in turn as `seconds` allow, and, as `load`,
    the seconds until every size has been called once."""
    about, loading = manifest.read(folder), {}

    def loaded(precision: str) -> engine_torch.TorchEngine:
        return engine_torch.load(folder, about, threads=1, batch=max(SIZES), gpu=gpu, precision=precision)

    full, half, ours = loaded("float32"), loaded("bfloat16"), "CUDA graphs, bfloat16"
    ways: dict[str, Callable[[np.ndarray], np.ndarray]] = {"eager, float32": _call(full), "eager, bfloat16": _call(half)}
    if gpu is not None:
        ways["torch.compile, bfloat16"] = _call(loaded("bfloat16"), compiled=True)
    started = time.monotonic()
    recorded = loaded("bfloat16")
    loading[ours] = time.monotonic() - started
    ways[ours] = recorded.predict
    given = {size: np.random.default_rng(size).integers(0, 256, (size, 224, 224, 3), np.uint8) for size in SIZES}
    for name, way in ways.items():
        started = time.monotonic()
        for pixels in given.values():
            way(pixels)
        loading[name] = loading.get(name, 0.0) + time.monotonic() - started
    times: dict[tuple[str, int], list[float]] = {(name, size): [] for name in ways for size in SIZES}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for (name, size), found in times.items():
            started = time.monotonic()
            ways[name](given[size])
            found.append(time.monotonic() - started)
    middle = {place: round(statistics.median(found) * 1000, 3) for place, found in times.items()}
    return {name: {str(size): middle[name, size] for size in SIZES} | {"load": round(loading[name], 2)} for name in ways}


def _call(engine: engine_torch.TorchEngine, compiled: bool = False) -> Callable[[np.ndarray], np.ndarray]:
    """The engine's network without its graphs."""
    forward = torch.compile(engine._forward, mode="reduce-overhead", dynamic=False) if compiled else engine._forward

    def call(pixels: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return forward(torch.from_numpy(pixels)).cpu().numpy()

    return call


def _serving(base: Path, given: argparse.Namespace) -> dict[str, Any]:
    photographs = pictures.photographs(given.data / "test", 100)
    camera = [pictures.camera_sized(body, seed) for seed, body in enumerate(photographs[::10])]
    counts = [count for count in WORKERS if count <= cgroup.cpus()]
    start = contenders.first_answer(base, photographs[0], **OURS)
    with contextlib.ExitStack() as stack:

        def serve(workers: int, batch: int) -> Server:
            more = {"SAGEMAKER_MODEL_SERVER_WORKERS": workers, "KENNEL_BATCH": batch}
            return stack.enter_context(Server(base, **OURS, **more))

        before = _taken()
        usual = {workers: serve(workers, 16) for workers in counts}
        each = (_taken() - before) / sum(counts)
        found = [served(f"serve, workers: {count}", "photographs", photographs, server) for count, server in usual.items()]
        found.append(served("serve, workers: 1, batch: 1", "photographs", photographs, serve(1, 1)))
        device, peers_workers = "cuda" if torch.cuda.is_available() else "cpu", min(4, cgroup.cpus())
        for name, begin in PEERS.items():
            if name not in given.without:
                peer = stack.enter_context(begin(given.weights, photographs[0], workers=peers_workers, device=device))
                found.append(over_http(f"{name}, workers: {peers_workers}", "photographs", photographs, peer))
        found += [served(f"serve, workers: {count}", "camera", camera, usual[count]) for count in counts[-2:]]
        rows = contenders.measured(found, CONNECTIONS, given.rounds, given.seconds)
    return {
        "seconds_from_launch_to_first_answer": round(start, 2),
        "gpu_memory_mib_a_worker": round(each),
        "rows": [asdict(row) for row in rows],
    }


def _taken() -> float:
    """MiB of the GPU's memory that somebody has."""
    if not torch.cuda.is_available():
        return 0.0
    free, total = torch.cuda.mem_get_info(0)
    return (total - free) / 2**20


def _network_table(network: dict[str, dict[str, float]]) -> Table:
    drawn = Table(title="ms a call of the network")
    for column in ("way", *(f"{size} pictures" for size in SIZES), "s to load"):
        drawn.add_column(column, justify="left" if column == "way" else "right")
    for name, found in network.items():
        drawn.add_row(name, *(f"{found[str(size)]:.2f}" for size in SIZES), f"{found['load']:.1f}")
    return drawn


if __name__ == "__main__":
    sys.exit(main())
