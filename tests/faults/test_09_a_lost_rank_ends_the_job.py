"""Row 9: one of two ranks is killed or frozen: the whole group ends, with a reason and no orphan."""

import signal
import time
from pathlib import Path

import psutil
import pytest

from tests.support.processes import words
from tests.support.train_jobs import Container, ended, wait_until

BUDGET = 150.0
"""Of a frozen rank: the others wait a minute for it, and torchrun half a minute for those it ends."""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
def test_a_lost_rank_ends_the_job(number: signal.Signals, tmp_path: Path) -> None:
    container = Container(tmp_path / "ml", processes="2", epochs="10000", loader_workers="1")
    process = container.start()
    wait_until(lambda: len(container.steps()) > 4)
    family = psutil.Process(process.pid).children(recursive=True)
    torchrun = next(member for member in family if "torch.distributed.run" in words(member))
    began = time.monotonic()
    torchrun.children()[-1].send_signal(number)
    run = ended(process, timeout=200)
    seconds = time.monotonic() - began
    print(f"{number.name}: {len(family)} processes down after {seconds:.1f} s: {container.failure}")
    assert run.code == 1
    assert seconds < BUDGET
    assert container.failure and len(container.failure.encode()) <= 1024
    if number == signal.SIGKILL:
        assert container.failure.startswith("Killed: training was killed by SIGKILL")
    _, left = psutil.wait_procs(family, timeout=8)
    assert not left
