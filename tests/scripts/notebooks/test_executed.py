"""Running the program that executes a notebook: nothing of it is left behind."""

import signal
from pathlib import Path

import psutil
import pytest

from tests.support import notebooks
from tests.support.local_server import wait_until
from tests.support.person import Kennel
from tests.support.processes import alive, words


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_whoever_ends_it_no_kernel_is_left(person: Kennel, number: signal.Signals) -> None:
    notebooks.write(person.folder / "long.ipynb", "open('begun', 'w').close()\nimport time\ntime.sleep(600)")
    process = person.start("run", "long.ipynb")
    wait_until((person.folder / "begun").exists, 60)
    programs = {"execute.py", "ipykernel_launcher"}
    started = psutil.Process(process.pid).children(recursive=True)
    family = [one for one in started if programs & {Path(word).name for word in words(one)}]
    assert len(family) == 2
    process.send_signal(number)
    assert process.wait(30) == (130 if number == signal.SIGINT else -number)
    wait_until(lambda: not alive(family), 30)
    assert (person.folder / ".kennel/notebooks/long.ipynb").exists() == (number == signal.SIGINT)
