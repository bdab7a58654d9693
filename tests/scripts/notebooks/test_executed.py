"""Running the program that executes a notebook: nothing of it is left behind, and where its copy is, is told."""

import signal
import time
from pathlib import Path

import psutil
import pytest

from tests.support import notebooks
from tests.support.local_server import wait_until
from tests.support.person import Kennel
from tests.support.processes import alive, words


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_whoever_ends_it_no_kernel_is_left(notebook_person: Kennel, number: signal.Signals) -> None:
    notebooks.write(notebook_person.folder / "long.ipynb", "open('begun', 'w').close()\nimport time\ntime.sleep(600)")
    process = notebook_person.start("run", "long.ipynb")
    wait_until((notebook_person.folder / "begun").exists, 60)
    programs = {"execute.py", "ipykernel_launcher"}
    started = psutil.Process(process.pid).children(recursive=True)
    family = [one for one in started if programs & {Path(word).name for word in words(one)}]
    assert len(family) == 2
    process.send_signal(number)
    assert process.wait(30) == (130 if number == signal.SIGINT else -number)
    wait_until(lambda: not alive(family), 30)
    assert (notebook_person.folder / ".kennel/notebooks/long.ipynb").exists() == (number == signal.SIGINT)


@pytest.mark.parametrize("times", [1, 2])
def test_where_the_copy_is_is_told_however_often_ctrl_c_is_typed(notebook_person: Kennel, times: int) -> None:
    begins = "print('begun', flush=True)\nopen('begun', 'w').close()\nimport time\ntime.sleep(600)"
    notebooks.write(notebook_person.folder / "long.ipynb", begins)
    process = notebook_person.start("run", "long.ipynb")
    wait_until((notebook_person.folder / "begun").exists, 60)
    for number in range(times):
        time.sleep(0.2 * number)
        process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 130 and said.endswith("executed copy  .kennel/notebooks/long.ipynb\n")
    assert notebooks.printed(notebook_person.folder / ".kennel/notebooks/long.ipynb") == ["begun"]


def test_no_copy_is_told_of_where_none_was_written(notebook_person: Kennel) -> None:
    """One of an earlier run lies there."""
    copy = notebook_person.folder / ".kennel/notebooks/broken.ipynb"
    copy.parent.mkdir(parents=True)
    copy.write_text("of an earlier run")
    (notebook_person.folder / "broken.ipynb").write_text("{")
    assert "executed copy" not in notebook_person.run("run", "broken.ipynb", status=2).stdout
