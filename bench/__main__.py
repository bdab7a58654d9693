"""`make bench`, `python -m bench [NAME ...]`: every benchmark in turn, each a program of its own, then what they found together.

It writes bench/results.json, all results in one with the machine they come from, and the plots that the README shows
(docs/bench-*.svg). A benchmark that cannot run here says why, bench.gpu where it is named; its earlier result, which says whose
machine it is of, stays.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from bench import plots, results
from bench.machine import described
from contract.machine import gpus

ROOT = Path(__file__).resolve().parent.parent
BENCHES = (
    "serving",
    "own_code",
    "multi_model",
    "decoding",
    "tuning",
    "training",
    "growth",
    "fine_tuning",
    "profile",
    "script",
    "images",
    "local_server",
    "gpu",
)


def main(names: list[str]) -> int:
    """Run the benchmarks of these names, all of them where none is named; 1 when one of them failed."""
    if unknown := [name for name in names if name not in BENCHES]:
        print(f"bench: {unknown[0]}: no such benchmark; there are {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    failed = []
    for name in names or [name for name in BENCHES if name != "gpu" or gpus.count(os.environ)]:
        print(f"bench.{name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"bench.{name}"], cwd=ROOT).returncode:
            failed.append(name)
    join()
    print("written  bench/results.json" + (f"; not run to their end: {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


def join() -> None:
    """Write bench/results.json and the plots out of what the benchmarks have found, this time or before."""
    together = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(results.FOLDER.glob("*.json"))}
    (ROOT / "bench" / "results.json").write_text(json.dumps({"machine": described()} | together, indent=1) + "\n", "utf-8")
    for file in plots.draw(together, ROOT / "docs"):
        print(f"written  {file.relative_to(ROOT)}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
