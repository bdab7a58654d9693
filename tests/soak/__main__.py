"""`python -m tests.soak --minutes 10`: everything at once, with harm, for some time. Exit status 1 when there was a fault.

Two halves run side by side: the serving program under mixed traffic, and the local SageMaker under jobs, searches and endpoints.
The choices of both follow from the seed; when each thing happens does not, so a fault may need a second run of its seed.
"""

import argparse
import random
import sys
import threading
import time
import traceback
from collections.abc import Callable

from tests.soak import local_half, serve_half
from tests.soak.tally import Tally

HALVES: dict[str, Callable[[float, int, Tally], None]] = {"serve": serve_half.soak, "local": local_half.soak}
EVERY = 30.0
"""Seconds between two lines of progress."""


def main() -> int:
    options = argparse.ArgumentParser(prog="soak", description=__doc__)
    options.add_argument("--minutes", type=float, default=10.0)
    options.add_argument("--seed", type=int, default=None, help="of a run that is to be repeated")
    options.add_argument("--half", choices=sorted(HALVES), action="append", help="only that one")
    given = options.parse_args()
    seed = random.randrange(1 << 31) if given.seed is None else given.seed
    tallies = [Tally(half) for half in given.half or HALVES]
    print(f"soak of {given.minutes:g} minutes, seed {seed}: {' and '.join(tally.half for tally in tallies)}", flush=True)
    threads = [threading.Thread(target=_run, args=(given.minutes, seed, tally)) for tally in tallies]
    for thread in threads:
        thread.start()
    began, told = time.monotonic(), 0.0
    while any(thread.is_alive() for thread in threads):
        time.sleep(0.2)
        if time.monotonic() - began >= told + EVERY:
            told += EVERY
            print(f"{told:5.0f} s  " + "\n         ".join(tally.line() for tally in tallies), flush=True)
    return _verdict(tallies, seed, time.monotonic() - began)


def _run(minutes: float, seed: int, tally: Tally) -> None:
    try:
        HALVES[tally.half](minutes, seed, tally)
    except BaseException:
        tally.fault("the soak itself", traceback.format_exc())


def _verdict(tallies: list[Tally], seed: int, seconds: float) -> int:
    """Prints the table; returns the exit status."""
    print(f"\n{'half':<8}{'what':<44}{'well':>9}{'excused':>9}{'faults':>8}")
    for tally in tallies:
        failed = [fault.what for fault in tally.faults]
        for what in sorted({*tally.good, *tally.excused, *failed}):
            print(f"{tally.half:<8}{what:<44}{tally.good[what]:>9}{tally.excused[what]:>9}{failed.count(what):>8}")
    for tally in tallies:
        for name, figure in tally.figures.items():
            print(f"{tally.half:<8}{name}: {figure}")
    faults = [(tally.half, fault) for tally in tallies for fault in tally.faults]
    for half, fault in faults:
        print(f"FAULT {half} {fault}")
    verdict = f"{len(faults)} faults; again with --seed {seed}" if faults else "no fault"
    print(f"{seconds:.0f} s, seed {seed}: {verdict}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
