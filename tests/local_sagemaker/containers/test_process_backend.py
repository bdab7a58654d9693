"""The process backend with real processes: exit codes, signals, what is left behind, and being found again.

Of local_sagemaker.containers.backend and local_sagemaker.containers.container_init, too.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from local_sagemaker.containers.backend import CannotStart, ContainerSpec, stop
from local_sagemaker.containers.process_backend import INIT, ProcessBackend
from local_sagemaker.image_table import Image
from tests.support.processes import alive


def backend(script: str, **environment: str) -> ProcessBackend:
    return ProcessBackend({"demo:1": Image(command=("/bin/sh", "-c", script, "entry"), environment=environment)})


def spec(folder: Path, image: str = "demo:1", **environment: str) -> ContainerSpec:
    return ContainerSpec(folder=folder, image=image, arguments=("train",), environment=environment)


def wait_for(condition, seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.01)


def test_the_program_gets_its_argument_and_a_clean_environment(tmp_path: Path) -> None:
    os.environ["SHOULD_NOT_LEAK"] = "1"
    wanted = spec(tmp_path / "c", TRAINING_JOB_NAME="job")
    container = backend('echo "$1"; env; exit 3', IMAGE_SAYS="hello").start(wanted)
    wait_for(lambda: container.exit_code() is not None)
    printed = wanted.log.read_text().splitlines()
    assert container.exit_code() == 3
    assert printed[0] == "train"
    assert "IMAGE_SAYS=hello" in printed
    assert "TRAINING_JOB_NAME=job" in printed
    assert f"SAGEMAKER_BASE_DIR={wanted.base.path}" in printed
    assert not [line for line in printed if "LEAK" in line or line.startswith("AWS_")]


def test_an_unknown_image_and_a_missing_program_say_so(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"No entry point is known for image 'other:2' \(known images: demo:1\)"):
        backend("true").start(spec(tmp_path / "a", image="other:2"))
    container = ProcessBackend({"demo:1": Image(command=("/no/such/program",), environment={})}).start(spec(tmp_path / "b"))
    wait_for(lambda: container.exit_code() is not None)
    assert container.exit_code() == 127
    assert "exec /no/such/program: No such file" in (tmp_path / "b" / "log").read_text()


def test_sigterm_reaches_the_program_first_and_sigkill_comes_after_the_grace(tmp_path: Path) -> None:
    polite = backend("trap 'echo saved; exit 7' TERM; echo ready; while :; do sleep 0.05; done").start(spec(tmp_path / "a"))
    wait_for(lambda: "ready" in (tmp_path / "a" / "log").read_text())
    assert stop(polite, grace=5) == 7
    assert "saved" in (tmp_path / "a" / "log").read_text()

    deaf = backend("trap '' TERM; echo ready; while :; do sleep 0.05; done").start(spec(tmp_path / "b"))
    wait_for(lambda: "ready" in (tmp_path / "b" / "log").read_text())
    assert stop(deaf, grace=0.3) == 137


def test_nothing_is_left_of_a_container_whose_program_ended(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    container = backend(
        f"setsid sleep 300 & echo $! > {tmp_path}/escaped; sleep 301 & echo $! > {tmp_path}/child; sleep 0.1"
    ).start(spec(folder))
    wait_for(lambda: container.exit_code() is not None)
    assert container.exit_code() == 0
    for name in ("escaped", "child"):
        assert not psutil.pid_exists(int((tmp_path / name).read_text()))


def test_a_container_is_found_again_and_its_exit_code_is_known(tmp_path: Path) -> None:
    ours = backend("while [ ! -e $SAGEMAKER_BASE_DIR/go ]; do sleep 0.02; done; exit 5")
    started = ours.start(spec(tmp_path / "c"))
    found = ProcessBackend({}).find(tmp_path / "c")
    assert found is not None and found.exit_code() is None
    (tmp_path / "c" / "opt" / "ml" / "go").touch()
    wait_for(lambda: started.exit_code() is not None)
    assert found.exit_code() == 5
    assert ProcessBackend({}).find(tmp_path / "never") is None


def test_a_process_that_took_over_the_number_is_not_taken_for_the_container(tmp_path: Path) -> None:
    container = backend("sleep 300").start(spec(tmp_path / "c"))
    written = json.loads((tmp_path / "c" / "container.json").read_text())
    (tmp_path / "c" / "container.json").write_text(json.dumps({**written, "pid": os.getpid()}))
    stranger = backend("").find(tmp_path / "c")
    assert stranger.exit_code() == 137
    stranger.kill()
    container.kill()
    assert container.exit_code() == 137


def test_a_found_container_can_be_killed(tmp_path: Path) -> None:
    container = backend("sleep 300 & sleep 300").start(spec(tmp_path / "c"))
    before = psutil.Process(container._pid).children(recursive=True)
    found = backend("").find(tmp_path / "c")
    found.kill()
    assert container.exit_code() == 137
    assert not alive(before)


def test_no_program_starts_when_the_server_dies_before_it_wrote_the_number_down(tmp_path: Path) -> None:
    init = subprocess.Popen(
        [sys.executable, "-I", "-S", str(INIT), str(tmp_path / "exit"), "/bin/sh", "-c", f"touch {tmp_path}/ran"],
        stdin=subprocess.PIPE,
    )
    init.stdin.close()
    assert init.wait(5) == 1
    assert not (tmp_path / "ran").exists()


def test_a_killed_init_takes_its_program_along(tmp_path: Path) -> None:
    container = backend("exec sleep 300").start(spec(tmp_path / "c"))
    wait_for(lambda: psutil.Process(container._pid).children())
    program = psutil.Process(container._pid).children()[0]
    os.kill(container._pid, signal.SIGKILL)
    wait_for(lambda: not alive([program]))
    assert container.exit_code() == 137


@pytest.mark.parametrize(
    ("runs_commands", "hosts", "said"),
    [(True, ("algo-1",), "ours mine\n"), (True, (), "mine\n"), (False, ("algo-1",), "mine\n")],
    ids=["a training job's", "not a training job's", "another image's"],
)
def test_a_jobs_own_command_goes_through_a_program_that_runs_commands(
    tmp_path: Path, runs_commands: bool, hosts: tuple[str, ...], said: str
) -> None:
    program = Image(command=("/bin/sh", "-c", 'echo "ours $2"', "sh"), environment={}, runs_commands=runs_commands)
    wanted = ContainerSpec(
        folder=tmp_path, image="demo:1", entrypoint=("/bin/echo",), arguments=("mine",), environment={}, hosts=hosts
    )
    container = ProcessBackend({"demo:1": program}).start(wanted)
    wait_for(lambda: container.exit_code() is not None)
    assert (tmp_path / "log").read_text() == said


def test_a_jobs_own_pythonpath_comes_after_what_the_program_is_found_by(tmp_path: Path) -> None:
    container = backend('echo "$PYTHONPATH"', PYTHONPATH="/ours").start(spec(tmp_path, PYTHONPATH="/mine:/too"))
    wait_for(lambda: container.exit_code() is not None)
    assert (tmp_path / "log").read_text() == "/ours:/mine:/too\n"
