"""What is printed while a person's code is loaded: passed on whole and in order, its last lines kept."""

import asyncio
import os
from pathlib import Path

import pytest

from serve import log
from serve.workers.load_output import LoadOutput
from tests.support import own_model
from tests.support.train_jobs import wait_until


def printed(*pieces: bytes, capfd: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """The last lines of a load that prints these, each read before the next, and what the log got."""

    async def run() -> LoadOutput:
        output = LoadOutput()
        for piece in pieces:
            os.write(output.writer, piece)
            await asyncio.sleep(0.01)
        output.started()
        output.close()
        return output

    found = asyncio.run(run())
    log.flush()
    return found.last_lines(), capfd.readouterr().out


@pytest.mark.parametrize(
    ("pieces", "last"),
    [
        ((b"one\ntwo\n\nthr", b"ee\x07\nfour"), "two | three? | four"),
        ((b"x" * 160,), "x" * 160),
        ((b"x" * 161,), "x" * 157 + "..."),
        ((b'mine\n{"time": "now", "event": "load_failed"}\n',), "mine"),
        ((), ""),
        (
            (
                b'no endFatal Python error: Aborted\n\nStack:\n  File "a.py", line 1 in f\n  File "b.py", line 2 in g\n',
                b"and more\n",
            ),
            'no endFatal Python error: Aborted | File "a.py", line 1 in f | File "b.py", line 2 in g',
        ),
    ],
)
def test_all_of_it_is_passed_on_and_the_last_lines_are_kept(
    pieces: tuple[bytes, ...], last: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert printed(*pieces, capfd=capfd) == (last, b"".join(pieces).decode())


@pytest.mark.parametrize("length", [1 << 16, (1 << 16) + 1])
def test_a_line_is_passed_on_whole_up_to_its_limit(length: int, capfd: pytest.CaptureFixture[str]) -> None:
    """While it is not at its end, what comes after it in the log would be in its midst."""

    async def run() -> str:
        output = LoadOutput()
        for start in range(0, length, 1 << 15):
            os.write(output.writer, b"x" * min(1 << 15, length - start))
            await asyncio.sleep(0.01)
        log.flush()
        seen = capfd.readouterr().out
        output.started()
        output.close()
        log.flush()  # or the next test would find the rest
        return seen

    assert len(asyncio.run(run())) == (0 if length == 1 << 16 else length)


LOUD = """
import os, subprocess, sys
print("loading", flush=True)
CHILD = subprocess.Popen(["sh", "-c", "while echo child; do sleep 0.1; done"])

def model_fn(model_dir):
    print("x" * 70_000)
    return 1

def transform_fn(model, data, content_type, accept):
    print("asked", os.path.sameopenfile(1, 2))
    os.write(1, b"done\\n")
    return "ok"
"""


def test_a_loaded_worker_prints_to_the_log_itself_and_its_children_go_on(tmp_path: Path) -> None:
    with own_model.serve(tmp_path / "ml", {"code/inference.py": LOUD}) as server:
        assert server.invoke(b"a", "a/b").body == b"ok"
        before = server.log().count("child\n")
        wait_until(lambda: server.log().count("child\n") >= before + 3)
        lines = server.log().splitlines()
        assert {"loading", "asked True", "done"} <= set(lines)
        assert server.log().count("x") >= 70_000, "whole, though a child's line may stand in its middle: both write at one time"
        assert [line for line in lines if line.startswith("{")] and server.event("worker_ready")
