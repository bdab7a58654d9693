"""A person's own script through the `train` program: how it is stopped, and how its end is told."""

import signal
import time
from pathlib import Path

import pytest

from tests.support.script_jobs import ScriptContainer
from tests.support.train_jobs import ended, wait_until


@pytest.mark.parametrize(
    ("files", "program", "code", "words"),
    [
        ({"train.py": "def f():\n    raise ValueError('bad lr')\nf()"}, "train.py", 1, ["ValueError: bad lr (train.py:2 in f)"]),
        ({"train.py": "x = ("}, "train.py", 1, ["SyntaxError: '(' was never closed (train.py:1)"]),
        (
            {"train.py": "import nosuch.thing"},
            "train.py",
            1,
            ["ModuleNotFoundError: No module named 'nosuch'", "no nosuch here: requirements.txt beside the entry point installs"],
        ),
        (
            {"train.py": "import argparse\nargparse.ArgumentParser().parse_args()"},
            "train.py",
            2,
            ["unrecognized arguments: --lr 1"],
        ),
        ({"train.py": "import os\nos.abort()"}, "train.py", 134, ["killed by SIGABRT"]),
        ({"run.sh": "#!/bin/sh\necho gone >&2; exit 7"}, "run.sh", 7, ["ExitCode 7", "gone"]),
        (
            {"a.py": "", "b/c.py": ""},
            "train.py",
            1,
            ["SourceError: the entry point 'train.py' is not in the code", "a.py, b/c.py"],
        ),
        ({"train.py": "import os\nos.kill(os.getpid(), 40)"}, "train.py", 168, ["killed by signal 40"]),
        ({"train.py": ""}, "/etc/passwd", 1, ["ConfigError: sagemaker_program"]),
        ({"train.py": ""}, "../train.py", 1, ["ConfigError: sagemaker_program"]),
    ],
)
def test_what_goes_wrong_is_told(tmp_path: Path, files: dict[str, str], program: str, code: int, words: list[str]) -> None:
    job = ScriptContainer(tmp_path / "ml", files, program=program, lr=1)
    assert job.run().code == code
    assert all(word in job.failure for word in words), job.failure


@pytest.mark.parametrize("given", [{"text": "a\0b"}, {"a=b": 1}, {"text": "\ud800"}, {f"k{n}": "x" * 2500 for n in range(100)}])
def test_hyperparameters_that_no_program_can_be_given_are_refused_by_name(tmp_path: Path, given: dict[str, object]) -> None:
    job = ScriptContainer(tmp_path / "ml", {"train.py": ""}, **given)
    assert job.run().code == 1
    assert job.failure.startswith("ConfigError: hyperparameters.json: the script cannot be started"), job.failure


def test_a_script_may_remove_its_folders_and_call_a_program_beside_it(tmp_path: Path) -> None:
    script = "import os, shutil, subprocess\nsubprocess.run(['./tool'], check=True)\n"
    script += "shutil.rmtree(os.environ['SM_MODEL_DIR'])\nshutil.rmtree(os.getcwd())"
    job = ScriptContainer(tmp_path / "ml", {"train.py": script, "tool": "#!/bin/sh\necho called"})
    run = job.run()
    assert run.code == 0 and "called" in run.out and "the script wrote nothing" in run.out, run.err


def test_an_error_is_told_whole_however_slowly_it_is_printed(tmp_path: Path) -> None:
    script = """
import array, fcntl, os, termios
def left():
    count = array.array("i", [0])
    fcntl.ioctl(2, termios.FIONREAD, count)
    return count[0]
for letter in "ValueError: told one letter after the other\\n":
    os.write(2, letter.encode())
    while left():
        pass
os._exit(1)
"""
    job = ScriptContainer(tmp_path / "ml", {"train.py": script})
    assert job.run().code == 1
    assert "ValueError: told one letter after the other" in job.failure


def test_a_stop_reaches_the_script_and_all_that_it_started(tmp_path: Path) -> None:
    script = """
import os, signal, sys, time
def stop(*_):
    open(os.environ["SM_MODEL_DIR"] + "/saved", "w").close()
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
if os.fork() == 0:
    time.sleep(600)
print("running", flush=True)
time.sleep(600)
"""
    job = ScriptContainer(tmp_path / "ml", {"train.py": script})
    process, began = job.start(), time.monotonic()
    assert process.stdout is not None
    while process.stdout.readline() != "running\n":
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    run = ended(process, began, timeout=60)
    assert run.code == 0 and (job.layout.model / "saved").exists(), run.err
    wait_until(lambda: not _running(str(job.base)))


def _running(name: str) -> bool:
    return any(name.encode() in _words(path) for path in Path("/proc").iterdir() if path.name.isdigit())


def _words(path: Path) -> bytes:
    try:
        return (path / "cmdline").read_bytes() + (path / "environ").read_bytes()
    except OSError:
        return b""


def test_a_program_that_is_killed_leaves_nothing_but_in_its_jobs_folder(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    job = ScriptContainer(tmp_path / "job" / "ml", {"train.py": "print('running', flush=True)\nimport time\ntime.sleep(600)"})
    process = job.start(TMPDIR=str(temporary))
    assert process.stdout is not None
    while process.stdout.readline() != "running\n":
        assert process.poll() is None
    process.kill()
    process.wait()
    wait_until(lambda: not _running(str(job.base)))
    assert not list(temporary.glob("train-*")) and len(list((tmp_path / "job").glob("train-*"))) == 1
