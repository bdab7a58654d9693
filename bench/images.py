"""What the images cost: their sizes, the time to the first correct answer, and what a change of code costs to build and push.

`python -m bench.images` builds the four images and pushes them to a local registry of its own. Then, in each round, a new
container of serve-cpu answers a photograph rightly, and one line of train/ and of serve/ is changed, built and pushed, in a
copy of the tree. The figures and the machine they belong to go to bench/results/images.json, with what they do not show.
"""

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import results
from bench.machine import described
from bench.pictures import DATA
from scripts.images.docker_engine import Refused, ask
from tests.support import artefact
from tests.support.containers import ServeContainer
from tests.support.local_server import LocalServer

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ("train", "serve-cpu", "serve-torch", "rules")
CHANGED = {"train": "train/model/network.py", "serve-cpu": "serve/formats.py"}
"""An image to the file that is changed for it."""
TARGETS = {"serve-cpu MB": 700.0, "first answer s": 4.0, "rebuild s": 5.0, "push MB": 1.0}
NOT_SHOWN = [
    "the first build: packages come out of pip's cache or over a network, and that decides",
    "a pull over a network: the registry is on the same machine",
    "an idle machine, where load is not near 0",
]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    machine = described()
    with contextlib.ExitStack() as stack:
        stack.enter_context(_names_kept())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-images-")))
        server = LocalServer(folder / "root")
        stack.callback(server.stop)
        tree = Tree(folder, server)
        stack.callback(tree.forget)
        tree.build(*IMAGES)
        images = {image: tree.image(image) for image in IMAGES}
        sizes = {image: round(int(ask("image", "inspect", "--format", "{{.Size}}", id)) / 1e6) for image, id in images.items()}
        first_push = {image: tree.push(image)[1] for image in CHANGED}
        seen: dict[str, list[float]] = {}
        for number in range(options.rounds):
            for name, value in _round(tree, images["serve-cpu"], number).items():
                seen.setdefault(name, []).append(value)
    facts = {
        "machine": machine,
        "rounds": options.rounds,
        "megabytes": sizes,
        "first_push_megabytes": {image: round(size / 1e6, 1) for image, size in first_push.items()},
        "median": {name: round(statistics.median(values), 2) for name, values in seen.items()},
        "all": {name: [round(value, 3) for value in values] for name, values in seen.items()},
        "targets": TARGETS,
        "does_not_show": NOT_SHOWN,
    }
    results.write("images", facts)
    _print(facts)
    return 0


@contextlib.contextmanager
def _names_kept() -> Iterator[None]:
    """The engine's kennel-IMAGE names mean in the end what they meant before: what is changed here is nobody's image."""
    before = {}
    for image in IMAGES:
        with contextlib.suppress(Refused):
            before[image] = ask("image", "inspect", "--format", "{{.Id}}", f"kennel-{image}").decode().strip()
            ask("tag", before[image], f"kennel-{image}:before-bench")  # without a name, it would be gone
    try:
        yield
    finally:
        for image, id in before.items():
            ask("tag", id, f"kennel-{image}")
            ask("rmi", f"kennel-{image}:before-bench")


class Tree:
    """A copy of what goes into the images, with its own memory of what was built and pushed."""

    def __init__(self, folder: Path, server: LocalServer) -> None:
        self._server, self._folder = server, folder / "tree"
        for name in ("contract", "train", "serve", "rules", "scripts", "docker", "pyproject.toml"):
            source, target = ROOT / name, self._folder / name
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, target)
        about = self._folder / ".kennel" / "local" / "server.json"
        about.parent.mkdir(parents=True)
        shutil.copy(server.root / "server.json", about)
        about.with_name("lock").symlink_to(server.root / "lock")

    def build(self, *images: str) -> float:
        """Seconds."""
        began = time.monotonic()
        self._kennel("build", *images)
        return time.monotonic() - began

    def push(self, image: str) -> tuple[float, int]:
        """Seconds, and the bytes that were sent."""
        began = time.monotonic()
        self._kennel("push", image)
        return time.monotonic() - began, self._known("images-local.json")[image]["bytes_sent"]

    def image(self, name: str) -> str:
        """The ID of what was built last."""
        return self._known("images.json")[name]["image"]

    def change(self, file: str, number: int) -> None:
        """One line more."""
        with open(self._folder / file, "a", encoding="utf-8") as source:
            source.write(f"CHANGE = {number}\n")

    def forget(self) -> None:
        """Takes the names of this registry off the engine's images."""
        registry = self._server.url.removeprefix("http://")
        for line in ask("images", "--digests", "--format", "{{.Repository}}:{{.Tag}}").decode().splitlines():
            if line.startswith(registry) and not line.endswith(":<none>"):
                ask("rmi", line)

    def _known(self, name: str) -> dict[str, Any]:
        return json.loads((self._folder / ".kennel" / name).read_text())

    def _kennel(self, *words: str) -> None:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {"TARGET": "local"}
        command = [sys.executable, "-m", "scripts", *words]
        done = subprocess.run(command, cwd=self._folder, env=environ, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"kennel {' '.join(words)}: {done.stderr}")


def _round(tree: Tree, serve: str, number: int) -> dict[str, float]:
    weights = DATA / "weights" / "resnet18-imagenet.pth"
    base = artefact.imagenet(weights)
    body = next((DATA / "dogs" / "test").rglob("*.jpg")).read_bytes()
    seconds = {}
    with ServeContainer(serve, base, ready=False) as server:
        server.wait_ready()
        answer = server.invoke(body)
        seconds["first answer s"] = time.monotonic() - server.started
        if answer.status != 200 or len(answer.json()["predictions"]) != 5:
            raise RuntimeError(f"serve-cpu answers {answer.status}")
    for image, file in CHANGED.items():
        tree.change(file, number)
        seconds[f"rebuild {image} s"] = tree.build(image)
        seconds[f"push {image} s"], sent = tree.push(image)
        seconds[f"push {image} MB"] = sent / 1e6
    return seconds


def _print(facts: dict[str, Any]) -> None:
    table = Table(title=f"The images, {facts['machine']['cpus']} CPUs, load before {facts['machine']['load']}")
    table.add_column("measure")
    table.add_column("median", justify="right")
    for image, size in facts["megabytes"].items():
        table.add_row(f"{image}, MB", f"{size:,}")
    for name, value in facts["median"].items():
        table.add_row(name, f"{value:g}")
    Console(width=80).print(table)


if __name__ == "__main__":
    sys.exit(main())
