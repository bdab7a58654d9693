"""Row 81: the reader of the output goes away, as in `kennel data | head -1`: the work is finished, and nothing is said of it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.local_server import LocalServer
from tests.support.person import ROOT, Kennel, write_pictures


def leave(process: "subprocess.Popen[str]", lines: int) -> tuple[int, str]:
    """Read some lines, close the pipe and wait; the exit status and what was said on standard error."""
    assert process.stdout is not None and process.stderr is not None
    for _ in range(lines):
        process.stdout.readline()
    process.stdout.close()
    said = process.stderr.read()
    return process.wait(60), said


@pytest.mark.parametrize("lines", [0, 1])
def test_an_upload_ends_whole_and_is_remembered(kennel: Kennel, server: LocalServer, lines: int) -> None:
    name = f"set-{lines}"
    pictures = write_pictures(kennel.folder / name, each=20)
    status, said = leave(kennel.start("data", "--folder", str(pictures)), lines)
    objects = server.s3.list_objects_v2(Bucket="bucket", Prefix=f"kennel/data/{name}/")["KeyCount"]
    print(f"after {lines} lines: status {status}, {objects} of 120 pictures in S3")
    assert status in (0, 141) and not said, said
    assert objects == 120 and kennel.state()["data"] == name and kennel.state()["uploading"] == []


@pytest.mark.parametrize("words", [("status",), ("policies",), ("train", "--dry-run")])
def test_what_only_prints_ends_quietly(kennel: Kennel, words: tuple[str, ...]) -> None:
    status, said = leave(kennel.start(*words), 0)
    assert status in (0, 141) and not said, said


def test_logs_that_are_followed_end_with_their_reader(kennel: Kennel, server: LocalServer) -> None:
    kennel.run("train", "--rules", "none", "--set", "epochs=400", "--detach")  # a line each 0.05 s
    name = kennel.state()["training_job"]
    following = kennel.start("logs", name, "--follow")
    try:
        status, said = leave(following, 1)
        assert status in (0, 141) and not said, said
    finally:
        kennel.run("stop", name)


def test_a_full_disk_behind_the_output_stops_no_work(kennel: Kennel, server: LocalServer) -> None:
    pictures = write_pictures(kennel.folder / "full", each=2)
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "scripts", "data", "--folder", str(pictures)],
            cwd=kennel.folder,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
        )
    assert kennel.state()["data"] == "full" and done.returncode != 0  # what was printed is lost, which is told
    assert "No space left on device" in done.stderr and "Traceback" not in done.stderr, done.stderr
