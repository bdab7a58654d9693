"""A port that is free or taken, and programs that end at SIGTERM, ignore it, or are gone already."""

import signal
import socket
import subprocess
import sys
import threading

import pytest

from scripts.errors import LaunchError
from scripts.foreground import check_port, end

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"


def test_a_port_that_is_taken_is_told_and_a_free_one_is_not() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(LaunchError, match=f"--port {port}: .*; give another port"):
            check_port(port)
    check_port(port)


def test_ctrl_c_while_a_program_ends_waits_for_its_end() -> None:
    code = (
        "import signal, time\n"
        "def stop(number, frame):\n    time.sleep(0.5)\n    raise SystemExit(7)\n"
        "signal.signal(signal.SIGTERM, stop)\nprint('ready', flush=True)\ntime.sleep(600)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout and process.stdout.readline() == b"ready\n"
    before = signal.getsignal(signal.SIGINT)
    threading.Timer(0.2, signal.raise_signal, [signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt):
        end(process, 10.0)
    assert process.returncode == 7 and signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("import time; print('ready', flush=True); time.sleep(600)", -signal.SIGTERM),
        (STUBBORN, -signal.SIGKILL),
        ("print('ready', flush=True)", 0),
    ],
)
def test_a_program_is_ended_whatever_it_does(code: str, status: int) -> None:
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout and process.stdout.readline() == b"ready\n"
    if not status:
        process.wait()
    end(process, 1.0)
    assert process.returncode == status
