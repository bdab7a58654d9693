"""MPI: mpirun starts the script's processes on one host; what cannot be run is refused by name."""

import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.script_jobs import ScriptContainer, write_wheel
from tests.support.train_jobs import ended
from train.errors import ConfigError
from train.script import mpirun

HERE = {"PATH": os.environ["PATH"]}
needs_mpirun = pytest.mark.skipif(not shutil.which("mpirun"), reason="no mpirun on PATH: apt-get install openmpi-bin")
MPI = {"sagemaker_mpi_enabled": True, "sagemaker_mpi_num_of_processes_per_host": 2}
RANKS = """
import os, sys, torch, torch.distributed as dist
rank, size = (int(os.environ["OMPI_COMM_WORLD_" + name]) for name in ("RANK", "SIZE"))
dist.init_process_group("gloo", rank=rank, world_size=size)
value = torch.tensor([1.0 + rank])
dist.all_reduce(value)
given = sys.argv[1:], os.environ["NCCL_DEBUG"], os.environ["SM_HOSTS"]
sys.stdout.write(f"rank {rank} of {size} sums {value.item()} {given}\\n")
dist.destroy_process_group()
"""


@needs_mpirun
def test_the_processes_are_ranks_of_one_job(tmp_path: Path) -> None:
    options = {"sagemaker_mpi_custom_mpi_options": "--NCCL_DEBUG WARN -x OWN='two words'"}
    run = ScriptContainer(tmp_path / "ml", {"train.py": RANKS}, lr=1, **MPI, **options).run(MASTER_ADDR="127.0.0.1")
    assert run.code == 0, run.err
    for rank in (0, 1):
        assert f"rank {rank} of 2 sums 3.0 (['--lr', '1'], 'WARN', '[\"algo-1\"]')" in run.out, run.out


@needs_mpirun
def test_mpi4py_of_the_jobs_own_ends_all_for_an_error_in_one(tmp_path: Path) -> None:
    package = {"mpi4py/__init__.py": "", "mpi4py/__main__.py": "import sys\nprint('through mpi4py', sys.argv[1:])\n"}
    wheels = write_wheel(tmp_path / "wheels", "mpi4py", package)
    files = {"train.py": "", "requirements.txt": "mpi4py\n"}
    run = ScriptContainer(tmp_path / "ml", files, lr=1, **MPI).run(PIP_NO_INDEX="1", PIP_FIND_LINKS=str(wheels))
    assert run.code == 0 and run.out.count("through mpi4py ['train.py', '--lr', '1']") == 2, run.err


@needs_mpirun
def test_an_error_of_one_rank_is_the_reason(tmp_path: Path) -> None:
    script = "import os, time\nif os.environ['OMPI_COMM_WORLD_RANK'] == '1':\n    raise ValueError('bad lr')\ntime.sleep(600)\n"
    job = ScriptContainer(tmp_path / "ml", {"train.py": script}, **MPI)
    run = job.run()
    assert run.code == 1 and run.seconds < 60
    assert job.failure.startswith('ExecuteUserScriptError: ExitCode 1\nErrorMessage "ValueError: bad lr (train.py:3 in <module>)')
    assert '\nCommand "mpirun --host localhost:2 -np 2 ' in job.failure


@needs_mpirun
def test_a_stop_reaches_every_rank_which_may_save(tmp_path: Path) -> None:
    script = """
import os, signal, sys, time
rank = os.environ["OMPI_COMM_WORLD_RANK"]
def stop(*_):
    time.sleep(3)
    open(os.environ["SM_MODEL_DIR"] + "/saved-" + rank, "w").close()
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
sys.stdout.write("waits\\n")
sys.stdout.flush()
time.sleep(600)
"""
    job = ScriptContainer(tmp_path / "ml", {"train.py": script}, **MPI)
    process, began = job.start(), time.monotonic()
    assert process.stdout is not None
    seen = 0
    while seen < 2:
        seen += "waits" in process.stdout.readline()
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    run = ended(process, began, timeout=60)
    assert sorted(path.name for path in job.layout.model.iterdir()) == ["saved-0", "saved-1"], run


def test_without_mpirun_the_job_is_refused_and_told_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^sagemaker_mpi_enabled: mpirun is not on PATH here; install Open MPI \(apt-get"):
        mpirun.words({}, ["algo-1"], {"PATH": str(tmp_path)})


@pytest.mark.parametrize("processes", [0, -1, True, "many", 1.5, None])
def test_a_number_of_processes_that_is_none_is_refused(processes: Any) -> None:
    with pytest.raises(ConfigError, match=r"sagemaker_mpi_num_of_processes_per_host: .* need a whole number from 1 on"):
        mpirun.words({"sagemaker_mpi_num_of_processes_per_host": processes}, ["algo-1"], HERE)


def test_several_hosts_and_options_that_are_none_are_refused(tmp_path: Path) -> None:
    (tmp_path / "mpirun").write_text("#!/bin/sh\n")
    (tmp_path / "mpirun").chmod(0o755)
    here = {"PATH": str(tmp_path)}
    with pytest.raises(ConfigError, match="MPI is run on one host here, the job has 2"):
        mpirun.words({}, ["algo-1", "algo-2"], here)
    with pytest.raises(ConfigError, match=r"sagemaker_mpi_custom_mpi_options: .* No closing quotation"):
        mpirun.words({"sagemaker_mpi_custom_mpi_options": "-x 'a"}, ["algo-1"], here)
    words = mpirun.words({"sagemaker_mpi_custom_mpi_options": "--NCCL_DEBUG=INFO -mca a=b c"}, ["algo-1"], here)
    assert words[:5] == ("mpirun", "--host", "localhost:1", "-np", "1")
    assert words[-5:] == ("-x", "NCCL_DEBUG=INFO", "-mca", "a=b", "c")
