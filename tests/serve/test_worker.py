"""The worker process, started as MMS starts it but by us: what it tells the front, and that it does not outlive it."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from serve.worker import BUSY, SETTINGS, busy_file
from tests import artefact

ROOT = Path(__file__).resolve().parents[2]
START = """
import sys
from mms.service import Service
from serve import worker
service = Service("model", sys.argv[1], None, worker.handle, None, 1)
worker.handle(None, service.context)
print("loaded", flush=True)
parameter = {"name": "body", "contentType": "application/octet-stream", "value": bytearray(b"no picture")}
header = {"name": bytearray(b"Kennel-Content-Type"), "value": bytearray(b"image/jpeg")}
print(service.predict([{"requestId": bytearray(b"r"), "headers": [header], "parameters": [parameter]}]), flush=True)
sys.stdin.read()
"""


def _start(folder: Path, base: Path) -> subprocess.Popen[str]:
    properties = {"model_dir": str(base / "model"), "engine": "openvino", "threads": 1}
    (folder / SETTINGS).write_text(json.dumps({"socket": str(folder / "w"), "properties": properties}))
    command = [sys.executable, "-c", START, str(folder)]
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, env=environ, text=True, process_group=0, **pipes)


@pytest.fixture()
def front(short_tmp: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(short_tmp / "w"))
    listener.listen()
    listener.settimeout(30)
    return listener


def _read_until(link: socket.socket, end: bytes) -> bytes:
    heard = b""
    link.settimeout(30)
    while not heard.endswith(end):
        piece = link.recv(100)
        if not piece:
            break
        heard += piece
    return heard


def test_a_worker_tells_when_it_is_ready_and_not_busy_and_ends_with_the_front(front: socket.socket, short_tmp: Path) -> None:
    process = _start(short_tmp, artefact.small())
    link, _ = front.accept()
    assert _read_until(link, b"\n") == b"ready float32\n"
    assert process.stdout.readline() == "loaded\n"
    assert "kennel-answer" in process.stdout.readline()
    busy = Path(busy_file(short_tmp / "w", process.pid))
    assert BUSY.unpack(busy.read_bytes()) == (0.0,), "it has answered"
    link.close()
    assert process.wait(10) == -9
    process.communicate()


def test_a_model_that_does_not_fit_is_told_in_one_line(front: socket.socket, short_tmp: Path, tmp_path: Path) -> None:
    base = artefact.copy(artefact.small(), tmp_path / "ml")
    artefact.rewrite(base, classes=("a", "b"))
    process = _start(short_tmp, base)
    link, _ = front.accept()
    heard = _read_until(link, b"\n").decode()
    assert heard == "failed model.xml: output is [1,5]; model.json lists 2 classes\n"
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 1 and "Traceback" not in errors


def test_a_worker_without_a_front_does_not_live(short_tmp: Path) -> None:
    process = _start(short_tmp, artefact.small())
    assert process.wait(30) == -9
    process.communicate()
