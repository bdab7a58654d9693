"""A process that asked for it ends with its parent."""

import subprocess
import sys
import time
from pathlib import Path

from contract.machine import process
from local_sagemaker.containers import container_init

PARENT = """
import subprocess, sys, time
code = "from contract.machine.process import end_with_parent; end_with_parent(); print(1, flush=True); input()"
child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(60)
"""


def test_a_child_ends_with_its_parent() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        child = Path("/proc") / parent.stdout.readline().strip()
        assert child.exists()
        parent.kill()
    deadline = time.monotonic() + 10
    while child.exists() and "Z" not in (child / "stat").read_text().split()[2] and time.monotonic() < deadline:
        time.sleep(0.05)
    assert time.monotonic() < deadline


def test_the_local_servers_own_copy_is_the_same() -> None:
    """Its first process of a container runs by its path, without any package of ours."""
    assert container_init.PR_SET_PDEATHSIG == process._PR_SET_PDEATHSIG


def test_every_signal_can_be_named() -> None:
    assert [process.signal_name(number) for number in (9, 34, 40)] == ["SIGKILL", "SIGRTMIN", "signal 40"]
