"""A person's script under `train`, beside the same script started by hand: seconds to its first line, CPU time of its steps.

`python -m bench.script`: the two in turns, each alone. The script prints a line when it begins, and the CPU time that
its own process used over a hundred steps of a small convolutional network, torch's import left out. Written to
bench/results/script.json.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import results
from bench.machine import described
from tests.support.script_jobs import ScriptContainer
from tests.support.train_jobs import ROOT

STEPS = 100
SCRIPT = f"""
print("begun", flush=True)
import time
import torch
torch.manual_seed(0)
torch.set_num_threads(1)
network = torch.nn.Sequential(torch.nn.Conv2d(3, 32, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.LazyLinear(10))
pictures, labels = torch.rand(16, 3, 64, 64), torch.arange(16) % 10
network(pictures)
optimiser, criterion = torch.optim.SGD(network.parameters(), lr=0.01), torch.nn.CrossEntropyLoss()
def step():
    optimiser.zero_grad()
    criterion(network(pictures), labels).backward()
    optimiser.step()
for _ in range(10):
    step()
before = time.process_time()
for _ in range({STEPS}):
    step()
print("used", time.process_time() - before, flush=True)

"""


def turn(command: list[str], environ: dict[str, str], folder: Path) -> tuple[float, float]:
    """Seconds to the script's first line, and CPU milliseconds a step."""
    began = time.monotonic()
    with subprocess.Popen(command, env=environ, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        first = used = 0.0
        for line in process.stdout:
            if line == "begun\n":
                first = time.monotonic() - began
            elif line.startswith("used "):
                used = float(line.split()[1])
        if process.wait() or not first or not used:
            raise SystemExit(f"the script failed: {process.stderr.read()[-500:]}")
    return first, 1000 * used / STEPS


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    given, console, machine = parser.parse_args(), Console(), described()
    found: dict[str, list[tuple[float, float]]] = {"by hand": [], "under train": []}
    with tempfile.TemporaryDirectory(prefix="bench-script-") as place:
        for number in range(given.rounds):
            job = ScriptContainer(Path(place) / str(number) / "ml", {"train.py": SCRIPT})
            environ = {"PATH": "/usr/bin:/bin", "HOME": place, "SAGEMAKER_BASE_DIR": str(job.base)}
            by_hand, under = [sys.executable, "train.py"], [sys.executable, "-m", "train"]
            found["by hand"].append(turn(by_hand, environ, job.base.parent / "source"))
            found["under train"].append(turn(under, environ | {"PYTHONPATH": str(ROOT)}, job.base))
            console.print(f"round {number + 1}: {found['by hand'][-1]} by hand, {found['under train'][-1]} under train")
    table = Table("", "seconds to the first line", "CPU ms a step")
    for name, rows in found.items():
        table.add_row(name, *(f"{statistics.median(values):.3f}" for values in zip(*rows, strict=True)))
    console.print(table)
    pairs = list(zip(found["by hand"], found["under train"], strict=True))
    later = statistics.median(under[0] - hand[0] for hand, under in pairs)
    ratio = statistics.median(under[1] / hand[1] for hand, under in pairs)
    console.print(f"{later:.2f} s later to the first line; {ratio:.3f} of the CPU time a step")
    results.write(
        "script", {"machine": machine, "rounds": json.loads(json.dumps(found)), "seconds_later": later, "step_ratio": ratio}
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
