"""Events are lines of JSON; where they cannot be written, nobody waits and nothing is raised."""

import fcntl
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from serve import log
from serve.log import FIELD_LIMIT, HELD_LINES, Writer

ROOT = Path(__file__).parents[2]


def test_an_event_is_one_line_of_json(capfd: pytest.CaptureFixture[str]) -> None:
    log.event("tried", "warning", place=Path("/x"), text="line\nbreak")
    log.flush()
    line = capfd.readouterr().out
    assert line.count("\n") == 1
    told = json.loads(line)
    assert told.pop("time").endswith("+00:00")
    assert told == {"level": "warning", "event": "tried", "place": "/x", "text": "line\nbreak"}


def test_of_a_long_field_the_end_is_kept(capfd: pytest.CaptureFixture[str]) -> None:
    for length in (FIELD_LIMIT, FIELD_LIMIT + 1):
        log.event("tried", text="a" + "b" * (length - 1))
        log.flush()
        text = json.loads(capfd.readouterr().out)["text"]
        assert len(text) == FIELD_LIMIT and text[0] == ("a" if length == FIELD_LIMIT else "b")


def test_a_reader_that_stops_delays_nobody_and_is_told_what_it_missed() -> None:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    writer = Writer(writing)
    start = time.monotonic()
    for number in range(HELD_LINES + 500):
        writer.add(b"%05d%s\n" % (number, b"x" * 200))
    writer.flush(0.1)
    assert time.monotonic() - start < 5
    with os.fdopen(reading, "rb") as lines, ThreadPoolExecutor(1) as pool:
        reader = pool.submit(lines.readlines)
        writer.flush(30)
        writer.add(b"after\n")
        writer.flush(30)
        os.close(writing)
        found = reader.result(30)
    assert found[-1] == b"after\n"
    lost = [json.loads(line) for line in found if b"log_lines_lost" in line]
    kept = [line for line in found if line[:1].isdigit()]
    numbers = [int(line[:5]) for line in kept]
    assert len(numbers) >= HELD_LINES and numbers == sorted(set(numbers)), "in order, and none of them twice"
    assert numbers[:HELD_LINES] == list(range(HELD_LINES)), "what comes first is held, what is too much is lost"
    assert sum(line["count"] for line in lost) == HELD_LINES + 500 - len(kept) > 0


def test_a_reader_that_is_gone_and_a_full_disk_raise_nothing() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    full = os.open("/dev/full", os.O_WRONLY)
    for descriptor in (writing, full):
        writer = Writer(descriptor)
        for _ in range(5):
            writer.add(b"x\n")
        writer.flush(2)
        assert writer._lost == 5
        os.close(descriptor)


def test_a_closed_standard_stream_is_never_a_socket() -> None:
    code = "import os, socket; from serve import log; log.hold_standard_streams(); "
    code += "print(socket.socket().fileno() > 2, file=os.fdopen(2, 'w'))"
    command = ["sh", "-c", 'exec "$0" -c "$1" <&- >&-', sys.executable, code]
    done = subprocess.run(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, check=True)
    assert done.stderr == "True\n"
