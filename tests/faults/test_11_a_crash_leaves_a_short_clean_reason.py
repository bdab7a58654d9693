"""Row 11: 10 MB of bytes that are no text and secrets in the environment: 1,024 bytes of UTF-8, cause first, no values."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from tests.support.train_jobs import ROOT, Container

SECRET = "tok-4f9aQ7zz81kd"

_CRASH = """
import os, sys
for _ in range(160):
    os.write(2, bytes(range(256)) * 256)
os.write(2, b"the library says: " + os.environ["API_TOKEN"].encode() + b" is wrong\\n")
os._exit(9)
"""
_RAISE = """
import os, sys
from pathlib import Path
from train.failure import Failure
try:
    raise RuntimeError(os.environ["API_TOKEN"] + " \\udcff" + "x" * 10_000_000)
except RuntimeError as error:
    Failure.of(error).save(Path(sys.argv[1]) / "failure-0.json")
os.write(2, bytes(range(256)) * 40_000)
sys.exit(1)
"""
_DRIVER = """
import os, sys
from pathlib import Path
from train import failure, supervisor
folder = Path(sys.argv[1])
reason = supervisor.run([sys.executable, "-c", sys.argv[2], str(folder)], dict(os.environ), folder, supervisor.Stop(folder))
failure.write(folder / "failure", reason, os.environ)
"""


def crash(folder: Path, program: str) -> bytes:
    """What the supervisor writes about a training process that runs `program`."""
    folder.mkdir()
    (folder / "failure").write_text("the reason of an earlier attempt")
    command = [sys.executable, "-c", _DRIVER, str(folder), program]
    environ = dict(os.environ) | {"API_TOKEN": SECRET, "OTHER": "some other value"}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(done.stderr) >= 10_000_000, "the log has all of it"
    return (folder / "failure").read_bytes()


def test_a_crash_leaves_a_short_clean_reason(tmp_path: Path) -> None:
    started = time.monotonic()
    silent, raised = crash(tmp_path / "silent", _CRASH), crash(tmp_path / "raised", _RAISE)
    print(f"{len(silent)} and {len(raised)} bytes of 1024, {time.monotonic() - started:.1f} s for twice 10 MB")
    assert silent.decode().startswith("Crashed: training ended with status 9")
    assert "the library says: [API_TOKEN] is wrong" in silent.decode()
    assert raised.decode().startswith("RuntimeError: [API_TOKEN] ?xxx")
    for body in (silent, raised):
        assert len(body) <= 1024
        assert SECRET.encode() not in body and b"earlier attempt" not in body


def test_a_refused_value_that_is_a_secret_is_not_quoted(tmp_path: Path) -> None:
    container = Container(tmp_path / "ml", lr=SECRET)
    container.layout.failure.parent.mkdir(parents=True)
    container.layout.failure.write_text("stale")
    run = container.run(API_TOKEN=SECRET)
    assert run.code == 1
    assert "lr: '[API_TOKEN]' is not a number" in container.failure
    assert SECRET not in container.failure and "stale" not in container.failure


def test_killed_from_outside_is_told_from_a_crash(tmp_path: Path) -> None:
    body = {name: _killed(tmp_path / name, program) for name, program in _ENDS.items()}
    print(json.dumps(body, indent=1))
    assert body["killed"].startswith("Killed: training was killed by SIGKILL from outside")
    assert body["segfault"].startswith("Crashed: training crashed with SIGSEGV")
    assert body["memory"].startswith("OutOfMemory: ")


_ENDS = {
    "killed": "import os; os.kill(os.getpid(), 9)",
    "segfault": "import os; os.kill(os.getpid(), 11)",
    "memory": (
        "import sys; from pathlib import Path; from train import worker\n"
        "try: bytearray(1 << 60)\n"
        "except MemoryError as error: worker._failure(error).save(Path(sys.argv[1]) / 'failure-0.json'); sys.exit(1)"
    ),
}


def _killed(folder: Path, program: str) -> str:
    folder.mkdir()
    command = [sys.executable, "-c", _DRIVER, str(folder), program]
    subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, check=True)
    return (folder / "failure").read_text()
