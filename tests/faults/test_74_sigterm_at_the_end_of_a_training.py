"""Row 74. SIGTERM in the last second of a training that succeeded: exit 0, the artefact whole, nothing said of a failure."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from contract import manifest
from tests.support.train_jobs import ROOT, Container

JOBS = 2
HANDLER = """
import os, shutil, signal, sys, tempfile
from pathlib import Path
from train.supervisor import Stop
folder = Path(tempfile.mkdtemp())
stop = Stop(folder)
shutil.rmtree(folder)
os.kill(os.getpid(), signal.SIGTERM)
os.kill(os.getpid(), signal.SIGTERM)
"""


def test_signals_from_the_last_step_to_the_end_change_nothing(tmp_path: Path) -> None:
    for number in range(JOBS):
        container = Container(tmp_path / f"ml-{number}", epochs="1", loader_workers="0")
        process = container.start()
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("finished after step"):
                break
        sent, started = 0, time.monotonic()
        while process.poll() is None:
            os.kill(process.pid, signal.SIGTERM)
            sent += 1
            time.sleep(0.0005)
        _, errors = process.communicate()
        print(f"{sent} signals in the last {time.monotonic() - started:.2f} s of a training: exit {process.returncode}")
        assert process.returncode == 0 and sent > 10, errors
        assert container.failure == "" and "Traceback" not in errors
        assert manifest.verify(container.layout.model).provenance["finished"] is True


def test_a_signal_after_the_jobs_folder_is_gone_raises_nothing() -> None:
    run = subprocess.run([sys.executable, "-c", HANDLER], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout == "SIGTERM: stopping at the next step\n", "said once"
