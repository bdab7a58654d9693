"""What the serving benchmarks put side by side, and how: each contender in turn, at each number of connections, in rounds.

Every measurement is a closed loop of HTTP clients on this machine; what a row holds is the median over the rounds.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.table import Table

from bench.load import Load, run
from bench.peers import Peer
from tests.support.server import Server


@dataclass(frozen=True, slots=True)
class Row:
    """One contender at one number of connections. Latencies in milliseconds, memory in MiB, what processes share counted once.
    All are medians over the rounds.

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
        return memory(tree(psutil.Process(self.process))) if self.process else 0.0


def served(name: str, kind: str, bodies: Sequence[bytes], server: Server) -> Contender:
    """A serve program of ours."""
    return over_http(name, kind, bodies, Peer(server.port, "/invocations", psutil.Process(server.process.pid)))


def over_http(name: str, kind: str, bodies: Sequence[bytes], peer: Peer) -> Contender:
    """A server; measuring it raises RuntimeError for any answer but 200."""
    sent = [peer.body(body) for body in bodies]

    def measure(connections: int, seconds: float) -> tuple[float, float, float, float]:
        before = cpu_seconds(tree(peer.process))
        load = Load(bodies=sent, clients=connections, port=peer.port, target=peer.target, content_type=peer.content_type)
        result = run(load, seconds)
        if set(result.statuses) != {200}:
            raise RuntimeError(f"{name}: answers other than 200: {result.statuses}")
        used = cpu_seconds(tree(peer.process)) - before
        return result.rate, result.quantile(0.5), result.quantile(0.99), used / len(result.samples)

    return Contender(name, kind, measure, peer.process.pid)


def measured(contenders: Sequence[Contender], connections: Sequence[int], rounds: int, seconds: float) -> list[Row]:
    """All of them, warmed first; by number of connections, camera-sized pictures last."""
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


def table(title: str, rows: Sequence[Row]) -> Table:
    """To be printed."""
    drawn = Table(title=title)
    for column in ("peer", "pictures", "connections", "requests/s", "p50 ms", "p99 ms", "CPU ms", "memory MiB"):
        drawn.add_column(column, justify="left" if column in ("peer", "pictures") else "right")
    for row in rows:
        numbers = (f"{value:.1f}" for value in (row.rate, row.p50, row.p99, row.cpu))
        drawn.add_row(row.peer, row.pictures, str(row.connections), *numbers, f"{row.memory:.0f}" if row.memory else "")
    return drawn


def first_answer(base: Path, body: bytes, **environ: str) -> float:
    """Seconds from `serve` to its first good answer, the median of three starts."""
    seen = []
    for _ in range(3):
        with Server(base, **environ) as server:
            assert server.invoke(body).status == 200
            seen.append(time.monotonic() - server.started)
    return statistics.median(seen)


def memory(processes: Sequence[psutil.Process]) -> float:
    """MiB of these processes, a page that several share counted once: the workers map the same weights."""
    return round(sum(process.memory_full_info().pss for process in processes) / 2**20, 1)


def tree(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def cpu_seconds(processes: Sequence[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)
