"""Requests a second, latency and memory of a person's own code in the serve program, beside the servers it was written for.

`python -m bench.own_code`: the same module, ResNet18 in eager torch at 224 pixels, as a handler of TorchServe's kind in all three
servers, and as an inference.py in ours. One worker a CPU with one thread each; all in one run and in turn, several rounds, the
median shown. Written to bench/results/own_code.json. What it does not show: the PyTorch toolkit's own multi-model-server image,
whose handler does what inference.py's transformer does in ours; batches; a GPU; a network between client and server.
"""

import argparse
import contextlib
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import psutil
from rich.console import Console

from bench import peers, pictures, results
from bench.contenders import measured, memory, over_http, served, table, tree
from bench.machine import described
from bench.pictures import DATA
from contract.machine import cgroup
from tests.support.server import Server

CONNECTIONS = (1, 4, 16)
PEERS = {"multi-model-server": peers.multi_model_server, "torchserve": peers.torchserve}
NOT_SHOWN = "the PyTorch toolkit's multi-model-server image; batches; a GPU; no network between client and server"
_SCRIPT = """
import json
from eager import Model

def model_fn(folder):
    return Model()

def transform_fn(model, body, content_type, accept):
    return json.dumps(model.answer(body)), "application/json"
"""


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
    machine, contenders = described(), []
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="own-")))
        for kind in ("handler", "inference.py"):
            server = stack.enter_context(Server(_model(folder / kind, given.weights, kind), OMP_NUM_THREADS=1))
            contenders.append(served(f"serve, {kind}", "photographs", photographs, server))
        for name in [name for name in PEERS if name not in given.without]:
            peer = stack.enter_context(PEERS[name](given.weights, photographs[0]))
            contenders.append(over_http(f"{name}, handler", "photographs", photographs, peer))
        rows = measured(contenders, CONNECTIONS, given.rounds, given.seconds)
        held = {each.name: memory(tree(psutil.Process(each.process))) for each in contenders}
    facts = {
        "machine": machine,
        "seconds": given.seconds,
        "rounds": given.rounds,
        "rows": [asdict(row) for row in rows],
        "memory_mib": held,
        "not_shown": NOT_SHOWN,
    }
    results.write("own_code", facts)
    console = Console(width=120)
    console.print(table(f"a person's own code, ResNet18 in eager torch, {cgroup.cpus()} CPUs", rows))
    console.print(f"memory mib: {held}\nnot shown: {NOT_SHOWN}")
    return 0


def _model(base: Path, weights: Path, kind: str) -> Path:
    """What lies at /opt/ml of one server: the module, with a handler in a model archive's folder or as a script."""
    peers.write_handler(base / "model", peers.eager_model(weights), {})
    if kind == "inference.py":
        code = base / "model" / "code"
        code.mkdir()
        (base / "model" / "eager.py").rename(code / "eager.py")
        (code / "inference.py").write_text(_SCRIPT)
        (base / "model" / "MAR-INF" / "MANIFEST.json").unlink()
    return base


if __name__ == "__main__":
    sys.exit(main())
