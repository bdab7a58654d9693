"""The worker process, started as the frontend starts it but by us: what it says, and that it does not outlive the frontend."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

from serve.workers import frame
from tests.support import artefact

ROOT = Path(__file__).resolve().parents[2]
PARENT = """
import json, os, socket, subprocess, sys, time
ours, theirs = socket.socketpair()
output = os.dup(1)
properties = json.dumps(json.loads(sys.argv[1]) | {"output": output})
command = [sys.executable, "-m", "serve.worker", str(theirs.fileno()), properties]
print(subprocess.Popen(command, pass_fds=[theirs.fileno(), output]).pid, flush=True)
theirs.close()
print(ours.recv(1000), flush=True)
sys.stdin.read()
"""


def _start(base: Path) -> tuple[subprocess.Popen[bytes], socket.socket, int]:
    """A worker, its socket, and the file that it prints to."""
    ours, theirs = socket.socketpair()
    ours.settimeout(30)
    printed = os.memfd_create("printed")
    output = os.dup(printed)
    properties = _properties(base) | {"output": output}
    command = [sys.executable, "-m", "serve.worker", str(theirs.fileno()), json.dumps(properties)]
    process = subprocess.Popen(command, cwd=ROOT, pass_fds=[theirs.fileno(), output], stdout=output, stderr=output)
    theirs.close()
    os.close(output)
    return process, ours, printed


def _properties(base: Path) -> dict[str, object]:
    return {"model_dir": str(base / "model"), "engine": "openvino", "threads": 1}


def _all_of(file: int) -> bytes:
    """All that was written to a file, which is closed."""
    with open(file, "rb") as whole:
        return os.pread(whole.fileno(), 1 << 20, 0)


def _heard(connection: socket.socket) -> list[frame.Part]:
    """The next frame; what it sends is one answer to one thing, so there is never more."""
    frames, found = frame.Frames(), []
    while not found:
        data = connection.recv(65536)
        assert data, "the worker is gone"
        found = list(frames.feed(data))
    return found[0]


def test_a_worker_says_that_it_is_ready_answers_batches_and_ends_with_the_socket(dogs: list[bytes]) -> None:
    process, connection, printed = _start(artefact.small())
    assert _heard(connection)[0][0]["ready"] == "float32"
    requests = [({"id": "r1", "Content-Type": "image/jpeg"}, b"no picture"), ({"id": "r2"}, dogs[0])]
    for _ in range(2):
        connection.sendall(frame.pack(requests))
        (bad, told), (good, answer) = _heard(connection)
        assert bad["status"] == 400 and json.loads(told)["request_id"] == "r1"
        assert good["status"] == 200 and len(json.loads(answer)["predictions"]) == 5
    connection.close()
    assert process.wait(10) == 0
    assert _all_of(printed) == b""


def test_a_model_that_does_not_fit_is_told_in_one_line(tmp_path: Path) -> None:
    base = artefact.copy(artefact.small(), tmp_path / "ml")
    artefact.rewrite(base, classes=("a", "b"))
    process, connection, printed = _start(base)
    assert _heard(connection)[0][0]["failed"] == "model.xml: output is [1,5]; model.json lists 2 classes"
    assert process.wait(10) == 1 and _all_of(printed) == b""
    connection.close()


def test_a_worker_does_not_outlive_a_killed_front_even_when_it_hangs() -> None:
    command = [sys.executable, "-c", PARENT, json.dumps(_properties(artefact.small()))]
    frontend = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    pid = int(frontend.stdout.readline())
    assert "float32" in frontend.stdout.readline()
    worker = os.pidfd_open(pid)
    os.kill(pid, signal.SIGSTOP)
    frontend.kill()
    frontend.communicate()
    assert select.select([worker], [], [], 10)[0], "still there"
    os.close(worker)
