"""Requests a second and latency of the serve program in each precision, beside its peers and beside no server at all.

`python -m bench.serving`: ResNet18 at 224 pixels on the same photographs, all in one run and in turn, several rounds; the table
shows the median round. Then camera-sized pictures, growth with connections, and the CPU time of each part of the program.
Written to bench/results/serving.json. What it does not show: a GPU (bench.gpu does), a network between client and server
(both share the CPUs), accuracy (the training program judges that), or other networks.
"""

import argparse
import contextlib
import functools
import multiprocessing
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import psutil
from rich.console import Console

from bench import peers, pictures, resnet18, results
from bench.contenders import Contender, Row, cpu_seconds, first_answer, measured, memory, over_http, served, table
from bench.load import Load, run
from bench.machine import described
from bench.pictures import DATA
from contract import manifest
from contract.machine import cgroup
from contract.pictures.picture import open_picture
from contract.pictures.preprocess import crop_pixels
from contract.precision import PRECISIONS
from serve.engines import engine
from serve.engines import openvino as engine_openvino
from tests.support.server import Server

CONNECTIONS = (1, 4)
GROWTH = (1, 4, 16, 64)
PEERS = {
    "multi-model-server": peers.multi_model_server,
    "multi-model-server-as-it-comes": functools.partial(peers.multi_model_server, threads=None),
    "torchserve": peers.torchserve,
    "litserve": peers.litserve,
}
"""Each worker with one thread, but where the name says otherwise."""
ON_CPU = {"KENNEL_ENGINE": "openvino"}
NOT_SHOWN = "a GPU; no network between client and server, which share the CPUs; no accuracy; no network but ResNet18"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, help="length of one measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pictures", type=Path, default=DATA / "dogs")
    parser.add_argument("--weights", type=Path, default=DATA / "weights" / "resnet18-imagenet.pth")
    parser.add_argument("--without", choices=tuple(PEERS), action="append", default=[], help="leave this peer out")
    given = parser.parse_args()
    pictures.require(parser, given.pictures, given.weights)
    photographs = pictures.photographs(given.pictures / "test", 100)
    camera = [pictures.camera_sized(body, seed) for seed, body in enumerate(photographs[::10])]
    machine = described()
    base = resnet18.quantised(given.weights, given.pictures / "train")
    with contextlib.ExitStack() as stack:
        precisions = _precisions()
        servers = {name: stack.enter_context(Server(base, **ON_CPU, KENNEL_PRECISION=name)) for name in precisions}
        fast = servers["int8"]
        start_up = first_answer(base, photographs[0], **ON_CPU)
        contenders = [served(f"serve, {name}", "photographs", photographs, server) for name, server in servers.items()]
        contenders += [_loop_of(name, base, photographs) for name in precisions]
        for name, start in PEERS.items():
            if name not in given.without:
                peer = stack.enter_context(start(given.weights, photographs[0]))
                contenders.append(over_http(f"{name}, eager torch", "photographs", photographs, peer))
                if name == "multi-model-server":
                    contenders.append(over_http(f"{name}, eager torch", "camera", camera, peer))
        contenders.append(served("serve, int8", "camera", camera, fast))
        rows = measured(contenders, CONNECTIONS, given.rounds, given.seconds)
        growing = [each for each in contenders if each.name == "serve, int8" and each.pictures == "photographs"]
        growth = measured(growing, GROWTH, 1, given.seconds)
        parts = _parts(fast, photographs, given.seconds)
        held = {"front": memory([psutil.Process(fast.process.pid)]), "workers": memory(fast.workers())}
    facts = {
        "machine": machine,
        "pictures": {"photographs": _described(photographs), "camera": _described(camera)},
        "seconds": given.seconds,
        "rounds": given.rounds,
        "seconds_from_launch_to_first_answer": round(start_up, 2),
        "memory_mib": held,
        "cpu_ms_a_request": parts,
        "rows": [asdict(row) for row in rows],
        "growth": [asdict(row) for row in growth],
        "not_shown": NOT_SHOWN,
    }
    results.write("serving", facts)
    _print(rows, growth, facts)
    return 0


def _precisions() -> list[str]:
    """Those that a CPU of this kind serves in; bfloat16 takes one that computes in it."""
    capabilities = engine_openvino.ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return [name for name in PRECISIONS if name in engine_openvino.fast_precisions(capabilities) | {"int8"}]


def _described(bodies: Sequence[bytes]) -> dict[str, int]:
    return {"count": len(bodies), "mean_bytes": round(statistics.mean(map(len, bodies)))}


def _loop_of(precision: str, base: Path, bodies: Sequence[bytes]) -> Contender:
    """As many processes as the serve program has workers busy: one for one connection, one a CPU at most."""

    def measure(connections: int, seconds: float) -> tuple[float, float, float, float]:
        count = min(connections, cgroup.cpus())
        with multiprocessing.get_context("spawn").Pool(count) as pool:
            parts = pool.starmap(_loop, [(base, precision, bodies, seconds)] * count)
        times = sorted(second for part, _ in parts for second in part)
        used = sum(cpu for _, cpu in parts)
        return len(times) / seconds, times[len(times) // 2], times[int(len(times) * 0.99)], used / len(times)

    return Contender(f"no server, {precision}", "photographs", measure)


def _loop(base: Path, precision: str, bodies: Sequence[bytes], seconds: float) -> tuple[list[float], float]:
    """The seconds of each picture, and the CPU seconds of all of them."""
    model = manifest.read(base / "model")
    loaded = engine.load("openvino", base / "model", model, threads=1, gpu=None, precision=precision)
    times: list[float] = []
    end, used, turn, spec = float("inf"), 0.0, -3, model.preprocessing
    while (start := time.monotonic()) < end:
        loaded.predict(crop_pixels(open_picture(bodies[turn % len(bodies)], shorter_side=spec.resize), spec)[None])
        turn += 1
        if turn == 0:
            end, used = time.monotonic() + seconds, time.process_time()
        elif turn > 0:
            times.append(time.monotonic() - start)
    return times, time.process_time() - used


def _parts(server: Server, bodies: Sequence[bytes], seconds: float) -> dict[str, float]:
    """CPU milliseconds a request of each part of the program, and of the load generator beside it, at four connections."""
    workers = server.workers()
    parts = {
        "front": [psutil.Process(server.process.pid)],
        "workers": workers,
        "load generator": [psutil.Process()],
    }
    before = {name: cpu_seconds(processes) for name, processes in parts.items()}
    asked = len(run(Load(bodies=bodies, clients=4, port=server.port), seconds).samples)
    return {name: round((cpu_seconds(parts[name]) - used) / asked * 1000, 2) for name, used in before.items()}


def _print(rows: Sequence[Row], growth: Sequence[Row], facts: dict) -> None:
    console = Console(width=120)
    console.print(table(f"ResNet18, 224 px, {cgroup.cpus()} CPUs", rows), table("as connections grow", growth))
    for name in ("seconds_from_launch_to_first_answer", "cpu_ms_a_request", "memory_mib", "not_shown"):
        console.print(f"{name.replace('_', ' ')}: {facts[name]}")


if __name__ == "__main__":
    sys.exit(main())
