"""A command of a person's own in the place of the program that trains: ContainerEntrypoint and ContainerArguments."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from smdebug.trials import create_trial

from tests.support.script_jobs import ScriptContainer, write_wheel
from tests.support.train_jobs import ENVIRON, ROOT, Ended, ended, wait_until


def start(job: ScriptContainer, *words: str, **environ: str) -> subprocess.Popen[str]:
    """`python -m train WORDS`, as the server starts it for a job that brings a command."""
    return subprocess.Popen(
        [sys.executable, "-m", "train", *words],
        cwd=ROOT,
        env=dict(os.environ) | ENVIRON | {"SAGEMAKER_BASE_DIR": str(job.base)} | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(job: ScriptContainer, *words: str, **environ: str) -> Ended:
    began = time.monotonic()
    return ended(start(job, *words, **environ), began)


@pytest.fixture()
def job(tmp_path: Path) -> ScriptContainer:
    """A job whose command sees the job's folder at /opt/ml. Skips, and says so, where nobody but root could have it there."""
    made = ScriptContainer(tmp_path / "ml", {"train.py": ""})
    if os.geteuid() and "is not the job's folder here" in run(made, "ls", "/opt/ml").err:
        pytest.skip("this machine lets nobody but root make a mount namespace")
    return made


def test_it_has_opt_ml_and_the_jobs_own_python_and_programs(job: ScriptContainer, tmp_path: Path) -> None:
    wheels = write_wheel(tmp_path / "wheels", "kennel_toy", {"kennel_toy.py": "WORD = 'installed'\n"})
    line = "pip install -q kennel-toy && python3 -c 'import kennel_toy, torch; print(kennel_toy.WORD)'"
    line += " && command -v torchrun pip3 && pwd && echo done > /opt/ml/model/a"
    line += " && python3 -c 'import json, os; print(json.dumps(dict(os.environ)))'"
    ran = run(job, "/bin/bash", "-c", line, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(wheels), PATH="/usr/bin:/bin")
    assert ran.code == 0, ran.err + ran.out
    *_, word, torchrun, pip, here, environment = ran.out.splitlines()
    assert word == "installed" and importlib.util.find_spec("kennel_toy") is None
    assert torchrun.endswith("/packages/bin/torchrun") and pip.endswith("/packages/bin/pip3") and here == str(ROOT)
    assert (job.layout.model / "a").read_text() == "done\n"
    seen = json.loads(environment)
    assert not [name for name in seen if name.startswith("SM_")], "the platform gives such a command none"
    assert seen["MASTER_ADDR"] == "algo-1" and str(ROOT) not in seen["PYTHONPATH"].split(":")


def test_its_script_is_looked_into_and_finds_the_names_of_its_time(job: ScriptContainer) -> None:
    settings = {"HookParameters": {"save_interval": "1"}, "CollectionConfigurations": [{"CollectionName": "losses"}]}
    job.put("debughookconfig", {"LocalPath": str(job.layout.tensors), "S3OutputPath": "s3://bucket/tensors", **settings})
    script = "import numpy, torch\nassert numpy.float is float\nnet = torch.nn.Linear(2, 3)\n"
    script += (
        "for step in range(3):\n    torch.nn.functional.cross_entropy(net(torch.ones(4, 2)), torch.zeros(4).long()).backward()\n"
    )
    (job.base / "input" / "data" / "train.py").write_text(script)
    done = run(job, "python3", "/opt/ml/input/data/train.py")
    assert done.code == 0, done
    assert create_trial(str(job.layout.tensors)).tensor("CrossEntropyLoss_output_0").steps() == [0, 1, 2]


def test_its_ranks_meet_at_a_port_of_the_jobs_own(job: ScriptContainer) -> None:
    """torchrun's usual port is one for all jobs of the machine."""
    script = job.base / "input" / "data" / "ranks.py"
    line = 'f\'rank {os.environ["RANK"]} at {os.environ["MASTER_PORT"]}\\n\''
    script.write_text(f"import os\nos.write(1, {line}.encode())\n")  # whole: two ranks print at a time
    jobs = [start(job, "torchrun", "--nproc-per-node=2", "/opt/ml/input/data/ranks.py") for _ in range(2)]
    told = [ended(process, time.monotonic(), timeout=120) for process in jobs]
    assert [one.code for one in told] == [0, 0], told
    assert all(f"rank {rank} at " in one.out and "at 29500" not in one.out for one in told for rank in (0, 1))


@pytest.mark.parametrize(
    ("line", "code", "reason"),
    [
        (
            "python3 -c 'raise ValueError(5)'",
            1,
            'ExecuteUserScriptError: ExitCode 1\nErrorMessage "ValueError: 5 (<string>:1 in <module>)',
        ),
        (
            "python3 -c 'raise ValueError(5)' 2>&1; exit 7",
            7,
            'ExecuteUserScriptError: ExitCode 7\nErrorMessage "ValueError: 5 (<string>:1 in <module>)',
        ),
        ("echo 'my own words' > /opt/ml/output/failure; exit 3", 3, "my own words"),
        (
            "echo 'KeyError: 1'; echo Training Execution failed. > /opt/ml/output/failure; exit 3",
            3,
            'ExecuteUserScriptError: ExitCode 3\nErrorMessage "KeyError: 1',
        ),
        ("mkdir /opt/ml/output/failure; echo oh; exit 3", 3, 'ExecuteUserScriptError: ExitCode 3\nErrorMessage "oh'),
        ("kill -ABRT $$", 134, "ExecuteUserScriptError: ExitCode 134"),
    ],
)
def test_why_it_failed_is_told(job: ScriptContainer, line: str, code: int, reason: str) -> None:
    job.layout.output.mkdir(exist_ok=True)
    done = run(job, "/bin/sh", "-c", line)
    assert done.code == code, done
    if job.layout.failure.is_file():
        assert job.failure.startswith(reason), job.failure
    else:
        assert "output/failure cannot be written" in done.err and reason in done.err


def test_a_program_that_is_not_there_is_the_reason(job: ScriptContainer) -> None:
    assert run(job, "no-such-program", "/opt/ml").code == 127
    assert "no-such-program: No such file or directory" in job.failure


DRIVER = """
import subprocess, sys
script = subprocess.Popen([sys.executable, "/opt/ml/input/data/train.py"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
for line in script.stdout:
    sys.stdout.write(line.decode())
    sys.stdout.flush()
sys.exit(script.wait())
"""


@pytest.mark.parametrize("program", ["train.py", "sm_drivers/distributed_drivers/driver.py"], ids=["script", "driver of the SDK"])
def test_a_stop_waits_for_the_work_behind_a_shell(job: ScriptContainer, program: str) -> None:
    """A shell dies of the signal at once; what it started has time to save, also where a driver reads its output."""
    data = job.base / "input" / "data"
    (data / "sm_drivers" / "distributed_drivers").mkdir(parents=True)
    (data / "sm_drivers" / "distributed_drivers" / "driver.py").write_text(DRIVER)
    script = """
import signal, sys, time
def stop(*_):
    time.sleep(1)
    print("saving", flush=True)
    open("/opt/ml/model/saved", "w").close()
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("running", flush=True)
time.sleep(600)
"""
    (data / "train.py").write_text(script)
    process, began = start(job, "/bin/bash", "-c", f"true && python3 /opt/ml/input/data/{program}; true"), time.monotonic()
    assert process.stdout is not None
    while process.stdout.readline() != "running\n":
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    done = ended(process, began, timeout=60)
    assert (job.layout.model / "saved").exists() and "saving" in done.out, done
    wait_until(lambda: process.poll() is not None)


def test_the_sdks_mpi_driver_is_refused_by_name(tmp_path: Path) -> None:
    made = ScriptContainer(tmp_path / "ml", {"train.py": ""})
    driver = made.layout.channel("sm_drivers") / "sm_train.sh"
    driver.parent.mkdir()
    driver.write_text("$SM_PYTHON_CMD /opt/ml/input/data/sm_drivers/distributed_drivers/mpi_driver.py\n")
    assert run(made, "/bin/bash", "-c", "echo ran").code == 1
    assert made.failure.startswith("ConfigError: distributed=MPI(): ") and "mpirun" in made.failure


@pytest.mark.parametrize("words", [("--help-me",), ("",), ("--", "ls")])
def test_an_option_is_no_command(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = run(ScriptContainer(tmp_path / "ml", {"train.py": ""}), *words)
    assert done.code == 2 and done.err.startswith("usage: train [train | COMMAND ...]")
