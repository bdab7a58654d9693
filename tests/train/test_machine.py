"""What the machine gives: within what the whole machine has, whatever the container says."""

import os
import subprocess
import sys

from train import machine


def test_limits_are_those_of_this_process() -> None:
    assert 1 <= machine.cpus() <= os.cpu_count()
    assert machine.memory_kills() >= 0
    limit = machine.memory_limit()
    assert limit is None or limit > 1 << 20
    assert machine.shared_memory_free() >= 0


def test_a_process_bound_to_one_cpu_has_one() -> None:
    probe = "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); from train import machine; print(machine.cpus())"
    assert (
        subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, cwd=os.getcwd()).stdout == "1\n"
    )
