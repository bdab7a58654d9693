"""Runs the fuzz tests, larger and with other inputs each time, until the time is over. `make fuzz MINUTES=10` runs it.

A failure ends it with status 1; the seed in its last line repeats it. Arguments after the minutes are pytest's, in the place of
all fuzz tests.
"""

import random
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main(minutes: float, wanted: list[str]) -> int:
    """Returns the exit status."""
    tests = wanted or [str(path.relative_to(ROOT)) for path in sorted((ROOT / "tests").rglob("test_fuzz_*.py"))]
    end, rounds = time.monotonic() + minutes * 60, 0
    while time.monotonic() < end:
        for test in tests:
            seed = random.randrange(1 << 31)
            command = [sys.executable, "-m", "pytest", "-q", "-x", "--timeout=3600", "--hypothesis-profile=long"]
            began = time.monotonic()
            if subprocess.run([*command, f"--hypothesis-seed={seed}", test], cwd=ROOT, check=False).returncode:
                print(f"FAULT in {test}, seed {seed}: {' '.join(command[1:])} --hypothesis-seed={seed} {test}")
                return 1
            print(f"{test}, seed {seed}: no fault in {time.monotonic() - began:.0f} s", flush=True)
            if time.monotonic() > end:
                break
        rounds += 1
    print(f"{minutes:g} minutes, {rounds} rounds begun: no fault")
    return 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 10.0, sys.argv[2:]))
