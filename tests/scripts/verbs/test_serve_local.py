"""`kennel serve-local`: a model in the foreground, loaded anew at each change."""

import http.client
import shutil
import signal
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.local_server import wait_until
from tests.support.person import Kennel
from tests.support.processes import alive

SCRIPT = """
import os

def model_fn(model_dir):
    return open(os.path.join(model_dir, "word.txt")).read()

def transform_fn(model, body, content_type, accept):
    return f"{model} {os.environ['TONE']} GREETING {body.decode()}", "text/plain"
"""


class Served:
    """A `kennel serve-local` that runs, and what it has printed."""

    def __init__(self, kennel: Kennel, port: int, *more: str) -> None:
        self.port = port
        words = ("model.tar.gz", "--code", "code", "--port", str(port), "--env", "TONE=loud")
        temporary = kennel.folder / "temporary"  # one that is killed leaves its folder
        temporary.mkdir()
        self.process = kennel.start("serve-local", *words, *more, TMPDIR=str(temporary))
        self.printed: list[str] = []
        threading.Thread(target=lambda: self.printed.extend(iter(self.process.stdout.readline, "")), daemon=True).start()
        self.family: set[psutil.Process] = set()

    def wait(self, text: str, count: int = 1) -> None:
        """Until it has printed a text so many times."""
        wait_until(lambda: "".join(self.printed).count(text) >= count or self.process.poll() is not None, 60)
        assert "".join(self.printed).count(text) >= count, (self.printed, self.process.poll())
        self.family |= set(psutil.Process(self.process.pid).children(recursive=True))

    def ask(self) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("POST", "/invocations", b"dog", {"Content-Type": "text/plain"})
        return connection.getresponse().read().decode()

    def end(self, number: signal.Signals) -> int:
        """The exit status; nothing it started is left then."""
        self.process.send_signal(number)
        status = self.process.wait(30)
        wait_until(lambda: not alive(self.family), 30)
        return status


@pytest.fixture()
def person(tmp_path: Path) -> Kennel:
    """A folder with a model and with code."""
    kennel = Kennel(tmp_path)
    (tmp_path / "code").mkdir()
    (tmp_path / "word.txt").write_text("rex:")
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "word.txt", "word.txt")
    (tmp_path / "code" / "inference.py").write_text(SCRIPT)
    return kennel


@pytest.fixture()
def served(person: Kennel, free_port: int) -> Iterator[Served]:
    started = Served(person, free_port)
    yield started
    started.process.kill()


def test_an_edit_is_answered(person: Kennel, served: Served) -> None:
    served.wait("curl ")
    assert f"curl http://127.0.0.1:{served.port}/invocations -H 'Content-Type: image/jpeg'" in "".join(served.printed)
    assert served.ask() == "rex: loud GREETING dog"
    again = person.run("serve-local", "model.tar.gz", "--port", str(served.port), status=2).stderr
    assert f"--port {served.port}: Address already in use; give another port" in again
    script = person.folder / "code" / "inference.py"
    script.write_text(SCRIPT.replace("GREETING", "hello"))
    served.wait("ready after", 2)
    assert served.ask() == "rex: loud hello dog"
    script.write_text("def model_fn(:")
    served.wait("invalid syntax")
    script.write_text(SCRIPT.replace("return open", "raise ValueError('no dog')  # open"))
    served.wait("the model cannot be served; waits for a change")
    script.write_text(SCRIPT.replace("GREETING", "again"))
    served.wait("ready after", 3)
    assert served.ask() == "rex: loud again dog"
    assert served.end(signal.SIGINT) == 130
    errors = served.process.stderr.read()
    assert "ValueError: no dog (inference.py:5 in model_fn)" in errors and "kennel's own" not in errors


def test_nothing_of_it_outlives_it(served: Served) -> None:
    served.wait("ready after")
    assert len(served.family) >= 2, "the front and its worker"
    served.end(signal.SIGKILL)


def test_broken_code_a_folder_that_goes_and_a_program_that_dies_are_waited_for(person: Kennel, free_port: int) -> None:
    code = person.folder / "code"
    (code / "inference.py").rename(code / "ask.py")
    (code / "ask.py").write_text("def model_fn(:")
    served = Served(person, free_port, "--env", "SAGEMAKER_PROGRAM=ask.py")
    try:
        served.wait("ask.py:1: invalid syntax")
        served.wait("waits for a change")
        (code / "new").write_text(SCRIPT.replace("GREETING", "hello"))
        (code / "new").rename(code / "ask.py")
        served.wait("ready after")
        assert served.ask() == "rex: loud hello dog"
        shutil.rmtree(code)
        served.wait("--code code: no such file or folder")
        code.mkdir()
        (code / "ask.py").write_text(SCRIPT.replace("GREETING", "again"))
        served.wait("ready after", 2)
        assert served.ask() == "rex: loud again dog"
        [program] = psutil.Process(served.process.pid).children()
        program.kill()
        served.wait("the model is served no more; waits for a change")
        (code / "ask.py").touch()
        served.wait("ready after", 3)
    finally:
        served.process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_model_that_loads_for_ever_is_told_and_an_end_leaves_nothing(
    person: Kennel, free_port: int, number: signal.Signals
) -> None:
    (person.folder / "code" / "inference.py").write_text("import time\ntime.sleep(1000)\n")
    served = Served(person, free_port)
    served.wait("still loads after 20 s" if number == signal.SIGTERM else "worker_loading")
    assert list((person.folder / "temporary").iterdir())
    assert served.end(number) == 128 + number
    assert not list((person.folder / "temporary").iterdir())


def test_what_cannot_be_served_is_one_line(person: Kennel, free_port: int) -> None:
    (person.folder / "broken.tar.gz").write_text("no archive")
    for words, said in (
        (("none.tar.gz",), "none.tar.gz: no such file or folder"),
        (("model.tar.gz", "--code", "none"), "--code none: no such file or folder"),
        (("model.tar.gz", "--port", "0"), "--port 0: need 1 to 65535"),
        (("model.tar.gz", "--port", "65536"), "--port 65536: need 1 to 65535"),
        (("model.tar.gz", "--env", "TONE"), "--env TONE: need NAME=VALUE"),
        (("broken.tar.gz", "--port", str(free_port)), "broken.tar.gz: "),
    ):
        error = person.run("serve-local", *words, status=2).stderr
        assert said in error and error.count("\n") == 1, error
    assert person.plan("serve-local", "model.tar.gz") == []
