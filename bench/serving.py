"""Requests a second and latency of the serve program in each precision, beside its peers and beside no server at all.

`python -m bench.serving`: ResNet18 at 224 pixels on the same photographs, all in one run and in turn, several rounds; the table
shows the median round. Then camera-sized pictures, growth with connections, and the CPU time of each part of the program.
Written to bench/results/serving.json. What it does not show: a GPU where there is none, a network between client and server
(both share the CPUs), accuracy (the training program judges that), or other networks.
"""

import argparse
import contextlib
import functools
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from bench import peers, pictures, results
from bench.load import Load, run
from bench.machine import described
from bench.peers import Peer
from bench.pictures import DATA
from contract import cgroup, manifest
from contract.picture import open_picture
from contract.precision import PRECISIONS, Precision
from contract.preprocess import crop_pixels, prepare
from serve import config, engine
from tests import artefact
from tests.server import Server

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
GPU = "serve, bfloat16 on the GPU"
"""A row of its own, where there is one. Its peers are the CPU's."""
NOT_SHOWN = (
    "a GPU where no row names one; no network between client and server, which share the CPUs; no accuracy;"
    " no network but ResNet18"
)


@dataclass(frozen=True, slots=True)
class Row:
    """One peer at one number of connections. Latencies in milliseconds, memory in MiB, what processes share counted once; all
    are medians over the rounds.

    `cpu`: CPU milliseconds a request of all its processes; what a busy machine distorts least.
    """

    peer: str
    pictures: str
    connections: int
    rate: float
    p50: float
    p99: float
    cpu: float
    memory: float


@dataclass(frozen=True, slots=True)
class Contender:
    """`measure(connections, seconds)` gives requests a second, p50 and p99 in seconds, and CPU seconds a request."""

    name: str
    pictures: str
    measure: Callable[[int, float], tuple[float, float, float, float]]
    process: int = 0
    """Whose memory, with its children's, is counted; 0 for none."""

    @property
    def memory(self) -> float:
        if not self.process:
            return 0.0
        return _memory(_tree(psutil.Process(self.process)))


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
    base = _artefact(given.weights, given.pictures / "train")
    with contextlib.ExitStack() as stack:
        servers = {name: stack.enter_context(Server(base, **ON_CPU, KENNEL_PRECISION=name)) for name in PRECISIONS}
        fast = servers["int8"]
        start_up = _start_up(base, photographs[0])
        contenders = [_served(f"serve, {name}", "photographs", photographs, server) for name, server in servers.items()]
        if config.gpu_count():
            on_gpu = stack.enter_context(Server(base, KENNEL_ENGINE="torch", KENNEL_PRECISION="bfloat16"))
            contenders.append(_served(GPU, "photographs", photographs, on_gpu))
            contenders.append(_served(GPU, "camera", camera, on_gpu))
        contenders += [_loop_of(name, base, photographs) for name in PRECISIONS]
        for name, start in PEERS.items():
            if name not in given.without:
                peer = stack.enter_context(start(given.weights, photographs[0]))
                contenders.append(_over_http(f"{name}, eager torch", "photographs", photographs, peer))
                if name == "multi-model-server":
                    contenders.append(_over_http(f"{name}, eager torch", "camera", camera, peer))
        contenders.append(_served("serve, int8", "camera", camera, fast))
        rows = _measured(contenders, CONNECTIONS, given.rounds, given.seconds)
        growing = [contender for contender in contenders if contender.name in (GPU, "serve, int8")]
        growth = _measured([each for each in growing if each.pictures == "photographs"], GROWTH, 1, given.seconds)
        parts = _parts(fast, photographs, given.seconds)
        memory = {"front": _memory([psutil.Process(fast.process.pid)]), "workers": _memory(fast.workers())}
    facts = {
        "machine": machine,
        "pictures": {"photographs": _described(photographs), "camera": _described(camera)},
        "seconds": given.seconds,
        "rounds": given.rounds,
        "seconds_from_launch_to_first_answer": round(start_up, 2),
        "memory_mib": memory,
        "cpu_ms_a_request": parts,
        "rows": [asdict(row) for row in rows],
        "growth": [asdict(row) for row in growth],
        "not_shown": NOT_SHOWN,
    }
    results.write("serving", facts)
    _print(rows, growth, facts)
    return 0


def _artefact(weights: Path, train: Path) -> Path:
    """ResNet18 with an int8 network made from train pictures, as the training program makes it; every precision accepted."""
    base = artefact.imagenet(weights)
    spec = manifest.read(base / "model").preprocessing
    found = sorted(train.rglob("*.jpg"))
    chosen = [found[at * len(found) // 100] for at in range(100)]
    prepared = [prepare(open_picture(path, shorter_side=spec.resize), spec)[None] for path in chosen]
    artefact.rewrite(base, lambda folder: artefact.quantise(folder, prepared), precision=Precision(accepted=PRECISIONS))
    return base


def _described(bodies: Sequence[bytes]) -> dict[str, int]:
    return {"count": len(bodies), "mean_bytes": round(statistics.mean(map(len, bodies)))}


def _start_up(base: Path, body: bytes) -> float:
    """Seconds from `serve` to its first correct answer, the median of three starts."""
    seen = []
    for _ in range(3):
        with Server(base, **ON_CPU) as server:
            assert server.invoke(body).status == 200
            seen.append(time.monotonic() - server.started)
    return statistics.median(seen)


def _served(name: str, kind: str, bodies: Sequence[bytes], server: Server) -> Contender:
    return _over_http(name, kind, bodies, Peer(server.port, "/invocations", psutil.Process(server.process.pid)))


def _over_http(name: str, kind: str, bodies: Sequence[bytes], peer: Peer) -> Contender:
    sent = [peer.body(body) for body in bodies]

    def measure(connections: int, seconds: float) -> tuple[float, float, float, float]:
        before = _cpu_seconds(_tree(peer.process))
        load = Load(bodies=sent, clients=connections, port=peer.port, target=peer.target, content_type=peer.content_type)
        result = run(load, seconds)
        if set(result.statuses) != {200}:
            raise RuntimeError(f"{name}: answers other than 200: {result.statuses}")
        used = _cpu_seconds(_tree(peer.process)) - before
        return result.rate, result.quantile(0.5), result.quantile(0.99), used / len(result.samples)

    return Contender(name, kind, measure, peer.process.pid)


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


def _measured(contenders: Sequence[Contender], connections: Sequence[int], rounds: int, seconds: float) -> list[Row]:
    seen: dict[tuple[int, str, str], list[tuple[float, ...]]] = {}
    for contender in contenders:
        contender.measure(1, 1.0)  # warm
    for _ in range(rounds):
        for count in connections:
            for contender in contenders:
                rate, p50, p99, cpu = contender.measure(count, seconds)
                place = (count, contender.pictures, contender.name)
                seen.setdefault(place, []).append((rate, p50 * 1000, p99 * 1000, cpu * 1000, contender.memory))
    rows = []
    for (count, kind, name), values in sorted(seen.items(), key=lambda item: (item[0][0], item[0][1] == "camera")):
        rows.append(Row(name, kind, count, *(round(statistics.median(column), 1) for column in zip(*values, strict=True))))
    return rows


def _parts(server: Server, bodies: Sequence[bytes], seconds: float) -> dict[str, float]:
    """CPU milliseconds a request of each part of the program, and of the load generator beside it, at four connections."""
    workers = server.workers()
    parts = {
        "front": [psutil.Process(server.process.pid)],
        "workers": workers,
        "load generator": [psutil.Process()],
    }
    before = {name: _cpu_seconds(processes) for name, processes in parts.items()}
    asked = len(run(Load(bodies=bodies, clients=4, port=server.port), seconds).samples)
    return {name: round((_cpu_seconds(parts[name]) - used) / asked * 1000, 2) for name, used in before.items()}


def _memory(processes: Sequence[psutil.Process]) -> float:
    """MiB of these processes, a page that several share counted once: the workers map the same weights."""
    return round(sum(process.memory_full_info().pss for process in processes) / 2**20, 1)


def _tree(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def _cpu_seconds(processes: Sequence[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def _print(rows: Sequence[Row], growth: Sequence[Row], facts: dict) -> None:
    console = Console(width=120)
    for title, shown in ((f"ResNet18, 224 px, {cgroup.cpus()} CPUs", rows), ("as connections grow", growth)):
        table = Table(title=title)
        for column in ("peer", "pictures", "connections", "requests/s", "p50 ms", "p99 ms", "CPU ms", "memory MiB"):
            table.add_column(column, justify="left" if column in ("peer", "pictures") else "right")
        for row in shown:
            numbers = (
                f"{row.rate:.1f}",
                f"{row.p50:.1f}",
                f"{row.p99:.1f}",
                f"{row.cpu:.1f}",
                f"{row.memory:.0f}" if row.memory else "",
            )
            table.add_row(row.peer, row.pictures, str(row.connections), *numbers)
        console.print(table)
    for name in ("seconds_from_launch_to_first_answer", "cpu_ms_a_request", "memory_mib", "not_shown"):
        console.print(f"{name.replace('_', ' ')}: {facts[name]}")


if __name__ == "__main__":
    sys.exit(main())
