"""Row 91. A program kills the first process of its container and leaves processes that have taken every way out: a session of
their own, a double fork, an empty environment. Nothing of the job is left when it has ended."""

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from local_sagemaker.containers.orphans import end as end_orphans
from tests.support.local_server import LocalServer, job_request, processing_request, wait_for_job, wait_for_processing, wait_until
from tests.support.processes import alive

KILL_INIT = """
import os, signal, subprocess, sys, time
sleeper = "import time; open({marks!r} + str(__import__('os').getpid()), 'w').close(); time.sleep(300)"
{leave}
while len(os.listdir({marks!r}.rpartition("/")[0])) < {count}:
    time.sleep(0.01)
os.kill(os.getppid(), signal.SIGKILL)
time.sleep(300)
"""
SPAWN = "subprocess.Popen([sys.executable, '-c', sleeper], {how})"
WAYS = {
    "a child": SPAWN.format(how=""),
    "a session of its own": SPAWN.format(how="start_new_session=True"),
    "no environment": SPAWN.format(how="start_new_session=True, env={}"),
    "a daemon": """
if not os.fork():
    os.setsid()
    if not os.fork():
        os.execve(sys.executable, [sys.executable, "-c", sleeper], {})
    os._exit(0)
""",
}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    started = LocalServer(tmp_path_factory.mktemp("root"))
    started.s3.create_bucket(Bucket="bucket")
    yield started
    started.stop()


def program(marks: str, ways: list[str]) -> str:
    os.makedirs(os.path.dirname(marks))
    return KILL_INIT.format(marks=marks, leave="\n".join(WAYS[way] for way in ways), count=len(ways))


def left(marks: str) -> list[str]:
    """Those of the processes that run still."""
    pids = [int(name) for name in os.listdir(os.path.dirname(marks))]
    found = []
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            found += alive([psutil.Process(pid)])
    return [str(process.pid) for process in found]


@pytest.mark.parametrize("way", WAYS)
def test_a_training_job_leaves_nothing(own: LocalServer, way: str, tmp_path: Path) -> None:
    name, marks = f"left-{way.replace(' ', '-')}", f"{tmp_path}/marks/"
    own.sagemaker.create_training_job(**job_request(name, HyperParameters={"python": json.dumps(program(marks, [way]))}))
    job = wait_for_job(own, name)
    print(f"{way}: {job['FailureReason']}; left: {left(marks)}")
    assert job["TrainingJobStatus"] == "Failed" and len(os.listdir(os.path.dirname(marks))) == 1
    assert not left(marks)
    assert not orphans(own), "no zombies either"


def test_a_processing_job_leaves_nothing(own: LocalServer, tmp_path: Path) -> None:
    marks = f"{tmp_path}/marks/"
    (tmp_path / "code").write_text(program(marks, list(WAYS)))
    code = f"exec(open({str(tmp_path / 'code')!r}).read())"  # longer than a variable may be
    own.sagemaker.create_processing_job(**processing_request("left", {"python": json.dumps(code)}))
    assert wait_for_processing(own, "left")["ProcessingJobStatus"] == "Failed"
    print(f"{len(WAYS)} ways; left: {left(marks)}")
    assert len(os.listdir(os.path.dirname(marks))) == len(WAYS) and not left(marks) and not orphans(own)


def test_jobs_beside_it_go_on(own: LocalServer, tmp_path: Path) -> None:
    own.sagemaker.create_training_job(**job_request("beside", HyperParameters={"wait": "6"}))
    wait_until(lambda: own.sagemaker.describe_training_job(TrainingJobName="beside")["SecondaryStatus"] == "Training")
    for number in range(3):
        marks = f"{tmp_path}/{number}/"
        code = json.dumps(program(marks, ["a daemon"]))
        own.sagemaker.create_training_job(**job_request(f"bad-{number}", HyperParameters={"python": code}))
        assert wait_for_job(own, f"bad-{number}")["TrainingJobStatus"] == "Failed" and not left(marks)
    assert wait_for_job(own, "beside")["TrainingJobStatus"] == "Completed"


def test_a_job_that_the_next_server_took_up_leaves_nothing_that_names_its_folder(own: LocalServer, tmp_path: Path) -> None:
    """That server is above none of its processes: one that has emptied its environment would stay."""
    marks = f"{tmp_path}/marks/"
    code = program(marks, ["a child", "a session of its own"])
    wait = f"while not os.path.exists({str(tmp_path / 'go')!r}):\n    time.sleep(0.05)\n"
    code = code.replace("os.kill(os.getppid()", wait + "os.kill(os.getppid()")
    own.sagemaker.create_training_job(**job_request("taken", HyperParameters={"python": json.dumps(code)}))
    wait_until(lambda: len(os.listdir(os.path.dirname(marks))) == 2)
    own.kill()
    own.start()
    (tmp_path / "go").touch()
    assert wait_for_job(own, "taken")["TrainingJobStatus"] == "Failed" and not left(marks)


def test_the_end_of_a_container_costs_little(own: LocalServer) -> None:
    began = time.perf_counter()
    for _ in range(10):
        end_orphans(own.root / "none", set(), 1.0)
    each = (time.perf_counter() - began) / 10
    print(f"{len(psutil.pids())} processes of the machine are looked at in {1000 * each:.1f} ms")
    assert each < 0.5


def orphans(server: LocalServer) -> list[psutil.Process]:
    """The server's children, once what it reaps is gone."""
    end = time.monotonic() + 2
    assert server.process is not None
    while (found := psutil.Process(server.process.pid).children()) and time.monotonic() < end:
        time.sleep(0.05)
    return found
