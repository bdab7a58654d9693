"""The room for models: what is reserved, what is missing, and what processes hold."""

import os
import subprocess
import sys
from pathlib import Path

from serve.multi.memory import Memory, held

MIB = 1 << 20


def test_what_a_process_and_its_children_hold_is_counted() -> None:
    before = held(os.getpid())
    code = "import sys; b = bytearray(200 << 20); print('x', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stdin is not None
        child.stdout.read(1)
        assert 200 * MIB < held(os.getpid()) - before < 240 * MIB
        child.stdin.close()
    assert held(os.getpid()) - before < 20 * MIB


def test_one_more_model_than_fits_is_refused_until_room_is_released(tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(b"x" * (60 * MIB))
    memory = Memory(held(os.getpid()) + 400 * MIB)  # less an eighth for requests, and 100 for each model
    fitting = 0
    while (missing := memory.reserve(str(fitting), tmp_path, False)) is None:
        fitting += 1
    assert fitting in (2, 3) and 0 < missing <= 100 * MIB
    memory.release("0")
    assert memory.reserve("late", tmp_path, False) is None


def test_what_a_model_took_is_expected_of_the_next_of_its_kind(tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(b"x" * (60 * MIB))
    memory = Memory(held(os.getpid()) + 400 * MIB)
    assert memory.reserve("a", tmp_path, True) is not None
    assert memory.measure(tmp_path, True, [os.getpid()]) > 0
    taken = memory.measure(tmp_path, True, [])
    assert taken == 0 and memory.reserve("a", tmp_path, True) is None


def test_what_is_held_over_the_limit_is_the_excess() -> None:
    assert Memory(None).excess() == 0 and Memory(held(os.getpid()) + 50 * MIB).excess() == 0
    assert Memory(1).excess() > MIB
