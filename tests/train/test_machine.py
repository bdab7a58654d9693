"""What the operating system does for a training process."""

import subprocess
import sys
import time
from pathlib import Path

from train import machine

PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "from train import machine; machine.die_with_parent(); input()"],
                         stdin=subprocess.PIPE)
print(child.pid, flush=True)
time.sleep(60)
"""


def test_shared_memory_is_counted_in_bytes() -> None:
    assert machine.shared_memory_free() >= 0


def test_a_child_ends_with_its_parent() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        child = Path("/proc") / parent.stdout.readline().strip()
        time.sleep(1)
        parent.kill()
    deadline = time.monotonic() + 10
    while child.exists() and "Z" not in (child / "stat").read_text().split()[2] and time.monotonic() < deadline:
        time.sleep(0.05)
    assert time.monotonic() < deadline
