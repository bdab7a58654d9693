"""Where what a benchmark found is kept: bench/results/NAME.json, or the folder that KENNEL_BENCH_RESULTS names."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ.get("KENNEL_BENCH_RESULTS") or Path(__file__).resolve().parent / "results")


def write(name: str, facts: Mapping[str, Any]) -> None:
    """Keep what a benchmark of that name found, in place of what it found before."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}.json").write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
