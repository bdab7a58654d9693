"""A worker that makes a person's code ready first: it becomes a worker, or says why not."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from serve.workers import frame
from tests.support import own_model
from tests.support.server import ROOT


def first_words(base: Path, requirements: str = "") -> dict:
    """What a worker for the model in `base` says first."""
    files: dict[str, str | bytes] = {"code/inference.py": own_model.ECHO}
    if requirements:
        files["code/requirements.txt"] = requirements
    own_model.write(base, files)
    (base / "own").mkdir()
    settings = {
        "model_dir": str(base / "model"),
        "handler": "script",
        "program": "inference.py",
        "source": str(base / "model" / "code"),
        "cache": None,
        "own_folder": str(base / "own"),
        "seconds": 60.0,
        "compat": False,
        "answer_limit": 1000,
        "gpu_id": None,
        "threads": 1,
        "output": os.dup(1),
    }
    ours, theirs = socket.socketpair()
    with ours:
        command = [sys.executable, "-m", "serve.own.prepared_worker", str(theirs.fileno()), json.dumps(settings)]
        handed = [theirs.fileno(), settings["output"]]
        process = subprocess.Popen(command, pass_fds=handed, env=os.environ | {"PYTHONPATH": str(ROOT)})
        theirs.close()
        os.close(settings["output"])
        frames = frame.Frames()
        ours.settimeout(60)
        while data := ours.recv(65536):
            for parts in frames.feed(data):
                process.kill()
                process.wait()
                return parts[0][0]
    raise AssertionError(f"it said nothing and ended with {process.wait()}")


def test_code_that_is_ready_becomes_a_worker(tmp_path: Path) -> None:
    assert first_words(tmp_path)["ready"] == "own code"


@pytest.mark.parametrize("requirements", ["./no-such-package\n", "no such line\n"])
def test_packages_that_cannot_be_installed_are_told(tmp_path: Path, requirements: str) -> None:
    assert first_words(tmp_path, requirements)["failed"].startswith("requirements.txt cannot be installed: ERROR")
