"""Row 63: `kennel stop` when server.json and the lock file name a process that is another program's by now, or a zombie.

Also local_sagemaker.storage.store's lock and scripts.aws.root_lock.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.aws.root_lock import end_holder, holder
from tests.support.local_server import LocalServer
from tests.support.person import Kennel

INNOCENT = """
import os, socket
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True: listener.accept()
"""


@pytest.fixture()
def person(tmp_path: Path) -> Iterator[Kennel]:
    """A folder whose server, if it has one, is stopped at the end."""
    person = Kennel(tmp_path / "person")
    yield person
    person.run("stop")


@pytest.fixture()
def innocent() -> Iterator[subprocess.Popen[str]]:
    """A program that has nothing to do with us and listens on a port."""
    process = subprocess.Popen([sys.executable, "-c", INNOCENT], stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.wait()


def claim(person: Kennel, about: dict, process: subprocess.Popen[str], port: int) -> None:
    """What a killed server left, and its process id and port have gone to another program since."""
    root = person.folder / ".kennel" / "local"
    (root / "server.json").write_text(json.dumps(about | {"pid": process.pid, "url": f"http://127.0.0.1:{port}"}))
    (root / "lock").write_text(f"{process.pid}\n")


def test_an_innocent_process_lives(person: Kennel, innocent: subprocess.Popen[str], tmp_path: Path) -> None:
    port = int(innocent.stdout.readline())
    person.run("up")
    root = person.folder / ".kennel" / "local"
    about = json.loads((root / "server.json").read_text())
    assert holder(root) == about["pid"]
    os.kill(about["pid"], signal.SIGKILL)
    other = LocalServer(tmp_path / "other")  # a server of another root is as innocent
    with contextlib.closing(other.log):
        for process, its_port in ((innocent, port), (other.process, int(other.url.rpartition(":")[2]))):
            claim(person, about, process, its_port)
            assert person.run("stop").stdout == "local SageMaker was not up\n"
            assert process.poll() is None
            assert holder(root) is None
        claim(person, about, innocent, port)
        said = person.run("up").stdout  # nor is the innocent taken for the server
        mine = json.loads((root / "server.json").read_text())["pid"]
        assert f"process {mine}" in said and mine == holder(root) != innocent.pid
        assert person.run("stop").stdout == "local SageMaker stopped\n"
        assert innocent.poll() is None and other.process.poll() is None
        print("three stale claims: two innocent processes live, and the server that was up was ended")
        other.stop()


@pytest.mark.parametrize("frozen", [False, True], ids=["it ends at SIGTERM", "it is frozen"])
def test_a_server_that_nobody_waits_for_is_ended_soon(tmp_path: Path, frozen: bool) -> None:
    server = LocalServer(tmp_path / "root")  # our child: it stays a zombie until we wait for it
    if frozen:
        os.kill(server.process.pid, signal.SIGSTOP)
    asked = time.monotonic()
    ending = [
        sys.executable,
        "-c",
        f"from scripts.aws.root_lock import *; print(end_holder(Path({str(server.root)!r}), {2 if frozen else 30}))",
    ]
    done = subprocess.run(ending, capture_output=True, text=True, timeout=30)
    took = time.monotonic() - asked
    assert done.stdout == "True\n", done.stderr
    assert Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    assert server.process.wait(1) == (-signal.SIGKILL if frozen else 0)
    assert not end_holder(server.root, 2.0)
    server.log.close()
    print(f"{'a frozen' if frozen else 'a'} server was ended in {took:.1f} s, and a zombie was not waited for")
