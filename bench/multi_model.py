"""Many classifiers behind one port in little memory: how many are loaded at one time, how fast, and what another one costs.

`python -m bench.multi_model`: copies of one ResNet18 under as many names, and a client that does as SageMaker does: it loads a
model when it is asked for and, where memory is short, unloads the one that was asked longest ago. Each model is as likely to be
asked as any other, which is the worst that can be for a cache. Beside it, one serve program for one model, and the same models
in multi-model-server, which judges no memory itself. Written to bench/results/multi_model.json. It does not show models of
several architectures, the download of a model, or a GPU.
"""

import argparse
import os
import random
import shutil
import statistics
import sys
import time
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from bench import mms_models, pictures, resnet18, results
from bench.contenders import first_answer, memory, tree
from bench.load import Load, run
from bench.machine import described
from bench.pictures import DATA
from tests.support.multi_model import MultiServer
from tests.support.server import Answer, Server

PRECISIONS = ("int8", "float32")
SEED = 7


class Platform:
    """Asks for models as SageMaker does: loads one that is not there, and first unloads who was asked longest ago if need be."""

    def __init__(self, server: MultiServer, urls: dict[str, str]) -> None:
        self._server = server
        self._urls = urls
        self.loaded: OrderedDict[str, None] = OrderedDict()
        self.loads: list[float] = []
        """Seconds of each load that succeeded."""

    def load(self, name: str) -> bool:
        """Whether there was room."""
        start = time.monotonic()
        answer = self._server.load(name, self._urls[name])
        if answer.status == 200:
            self.loads.append(time.monotonic() - start)
            self.loaded[name] = None
        elif answer.status != 507:
            raise RuntimeError(f"{name}: {answer.body!r}")
        return answer.status == 200

    def ask(self, name: str, body: bytes) -> Answer:
        """The answer of a model, which is loaded first where it is not."""
        while name not in self.loaded and not self.load(name):
            oldest, _ = self.loaded.popitem(last=False)
            self._server.unload(oldest)
        self.loaded.move_to_end(name)
        return self._server.ask(name, body)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=50)
    parser.add_argument("--limit", type=int, default=2048, help="MiB of memory for all of them")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of one measurement")
    parser.add_argument("--asked", type=int, default=100, help="requests while models come and go")
    parser.add_argument("--pictures", type=Path, default=DATA / "dogs")
    parser.add_argument("--weights", type=Path, default=DATA / "weights" / "resnet18-imagenet.pth")
    parser.add_argument("--without-peer", action="store_true", help="leave multi-model-server out")
    given = parser.parse_args()
    pictures.require(parser, given.pictures, given.weights)
    photographs = pictures.photographs(given.pictures / "test", 50)
    machine = described()
    base = resnet18.quantised(given.weights, given.pictures / "train")
    rows = []
    for precision in PRECISIONS:
        together = _together(base, precision, photographs, given)
        row = {"precision": precision, **together, **_alone(base, precision, photographs, given)}
        if not given.without_peer:
            peer = {"models": given.models, "limit": given.limit, "seconds": given.seconds}
            row |= mms_models.measured(base, precision, photographs, **peer)
        rows.append(row)
        print(rows[-1], flush=True)
    facts = {"machine": machine, "models": given.models, "limit_mib": given.limit, "seconds": given.seconds, "rows": rows}
    results.write("multi_model", facts)
    table = Table("", *(row["precision"] for row in rows), title=f"{given.models} ResNet18 in {given.limit:,} MiB")
    for name in list(rows[0])[1:]:
        table.add_row(name.replace("_", " "), *(str(row[name]) for row in rows))
    Console().print(table)
    return 0


def _together(base: Path, precision: str, bodies: Sequence[bytes], given: argparse.Namespace) -> dict[str, float]:
    """Behind one port."""
    environ = {"KENNEL_MEMORY_LIMIT_IN_MB": given.limit, "KENNEL_ENGINE": "openvino", "KENNEL_PRECISION": precision}
    with MultiServer(**environ) as server:
        urls = {f"m{number}": _linked(base, server, f"m{number}") for number in range(given.models)}
        platform = Platform(server, urls)
        empty = memory([psutil.Process(server.process.pid)])
        for name in urls:
            if not platform.load(name):
                break
        held = memory(tree(psutil.Process(server.process.pid)))
        hot, loads = len(platform.loaded), list(platform.loads)
        paths = [f"/models/{name}/invoke" for name in platform.loaded]
        rate = run(Load(bodies=bodies, clients=4, port=server.port, targets=paths), given.seconds).rate
        chosen = random.Random(SEED)
        platform.loads.clear()
        start = time.monotonic()
        for turn in range(given.asked):
            answer = platform.ask(chosen.choice(list(urls)), bodies[turn % len(bodies)])
            assert answer.status == 200, answer.body
        evicting = given.asked / (time.monotonic() - start)
    return {
        "loaded_at_one_time": hot,
        "load_seconds": round(statistics.median(loads), 2),
        "mib_a_model": round((held - empty) / hot, 1),
        "mib_without_models": round(empty, 1),
        "hot_requests_s": round(rate, 1),
        "evicting_requests_s": round(evicting, 2),
        "evictions": len(platform.loads),
    }


def _linked(base: Path, server: MultiServer, name: str) -> str:
    """The URL of a copy of the artefact, whose files take no room of their own."""
    shutil.copytree(base / "model", server.base / "models" / name / "model", copy_function=_link)
    return f"/opt/ml/models/{name}/model"


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copyfile(source, target)


def _alone(base: Path, precision: str, bodies: Sequence[bytes], given: argparse.Namespace) -> dict[str, float]:
    """One model behind its own port, with one worker."""
    environ = {"KENNEL_ENGINE": "openvino", "KENNEL_PRECISION": precision, "SAGEMAKER_MODEL_SERVER_WORKERS": "1"}
    start_up = first_answer(base, bodies[0], **environ)
    with Server(base, **environ) as server:
        rate = run(Load(bodies=bodies, clients=4, port=server.port), given.seconds).rate
        held = memory(tree(psutil.Process(server.process.pid)))
    return {
        "alone_start_seconds": round(start_up, 2),
        "alone_mib": held,
        "alone_fit": int(given.limit // held),
        "alone_requests_s": round(rate, 1),
    }


if __name__ == "__main__":
    sys.exit(main())
