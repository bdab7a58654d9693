"""Row 109: a person's code ends its process while it is loaded: told once and at once, with the status and its last lines."""

import os
import signal
from pathlib import Path

import pytest

from tests.support import own_model
from tests.support.train_jobs import wait_until

EXITS = "import os\nprint('hello')\nprint('libdog is missing')\nos._exit(7)\n"
CRASHES = "def model_fn(model_dir):\n    import ctypes\n    ctypes.string_at(0)\n"


@pytest.mark.parametrize(
    ("script", "told"),
    [
        (EXITS, "cannot be loaded: its process ended with exit status 7 and printed last: hello | libdog is missing\n"),
        ("import os\nos._exit(0)\n", "cannot be loaded: its process ended with exit status 0 and printed nothing\n"),
        (CRASHES, "its process ended by SIGSEGV and printed last: Fatal Python error: Segmentation fault | File "),
        (CRASHES, 'inference.py", line 3 in model_fn'),
        ("class Stop(BaseException):\n    pass\nraise Stop('now')\n", "cannot be loaded: Stop: now (inference.py:3)\n"),
        ("raise KeyboardInterrupt\n", "cannot be loaded: KeyboardInterrupt: KeyboardInterrupt (inference.py:1)\n"),
    ],
)
def test_code_that_ends_its_process_while_it_loads_is_told_at_once(tmp_path: Path, script: str, told: str) -> None:
    with own_model.serve(tmp_path / "ml", {"code/inference.py": script}, ready=False) as server:
        status, errors = server.wait_end(60)
        loads = len(server.events("worker_loading"))
        assert ("libdog is missing\n" in server.log()) == (script == EXITS)
    print(f"ended with {status} after {loads} load: {errors}")
    assert status == 1 and errors.count("\n") == 1 and told in errors
    assert loads == 1, "what ended this process would end the next one, too"


def test_one_that_is_always_killed_is_told_with_its_last_lines(tmp_path: Path) -> None:
    kills = "import os, signal\nprint('reading 9 GB of weights')\nos.kill(os.getpid(), signal.SIGKILL)\n"
    with own_model.serve(tmp_path / "ml", {"code/inference.py": kills}, ready=False) as server:
        status, errors = server.wait_end(60)
        loads = len(server.events("worker_loading"))
    print(f"ended with {status} after {loads} loads: {errors}")
    assert status == 1 and loads == 5 and errors.count("\n") == 1
    assert "5 worker processes, one after another, were killed by SIGKILL" in errors
    assert errors.endswith("printed last: reading 9 GB of weights\n")


def test_one_that_is_killed_is_tried_again(tmp_path: Path) -> None:
    """As the kernel does where memory ends, which may be enough a moment later."""
    slow = own_model.ECHO.replace("def model_fn", "import time; time.sleep(1)\n\ndef model_fn")
    with own_model.serve(tmp_path / "ml", {"code/inference.py": slow}, ready=False) as server:
        wait_until(lambda: bool(server.events("worker_loading")))
        os.kill(server.events("worker_loading")[0]["pid"], signal.SIGKILL)
        server.wait_ready()
        assert len(server.events("worker_loading")) == 2 and server.invoke(b"a").status == 200
