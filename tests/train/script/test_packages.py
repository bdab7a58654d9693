"""Packages that a script asks for: installed for the job, or once for all jobs, and never into this program's own environment."""

import fcntl
import importlib.util
import time
from pathlib import Path

import pytest

from tests.support.script_jobs import ScriptContainer, write_wheel
from tests.support.train_jobs import ended


def test_packages_are_the_jobs_own_and_one_cache_serves_all(tmp_path: Path) -> None:
    wheels = write_wheel(tmp_path / "wheels", "kennel_toy", {"kennel_toy.py": "WORD = 'from a wheel'\n"})
    script = "import kennel_toy, numpy, sys\nprint(kennel_toy.WORD, kennel_toy.__file__)"
    files = {"train.py": script, "requirements.txt": "kennel-toy\nnumpy\n"}
    pip = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "KENNEL_CACHE": str(tmp_path / "cache")}
    out = []
    for name in ("one", "two"):
        run = ScriptContainer(tmp_path / name / "ml", files).run(**pip)
        assert run.code == 0, run.err
        out.append(run.out)
    assert "from a wheel " + str(tmp_path / "cache") in out[0] and "is installed already" not in out[0]
    assert "from a wheel " + str(tmp_path / "cache") in out[1] and "is installed already" in out[1]
    run = ScriptContainer(tmp_path / "three" / "ml", {"train.py": script}).run(**pip)
    assert run.code == 1 and "No module named 'kennel_toy'" in run.err, (
        "nothing was installed into this program's own environment"
    )


def test_a_job_that_waits_for_anothers_packages_says_so_and_can_be_stopped(tmp_path: Path) -> None:
    wheels = write_wheel(tmp_path / "wheels", "kennel_toy", {"kennel_toy.py": ""})
    files = {"train.py": "print('never')", "requirements.txt": "kennel-toy\n"}
    pip = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "KENNEL_CACHE": str(tmp_path / "cache")}
    assert ScriptContainer(tmp_path / "one" / "ml", files).run(**pip).code == 0
    (lock,) = (tmp_path / "cache" / "packages").glob("*.lock")
    job = ScriptContainer(tmp_path / "two" / "ml", files)
    with lock.open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        process, began = job.start(**pip), time.monotonic()
        assert process.stdout is not None
        assert process.stdout.readline().startswith("waiting for another job")
        process.terminate()
        run = ended(process, began, timeout=60)
    assert run.code == 143 and "never" not in run.out
    assert job.failure == "InstallRequirementsError: stopped while another job installed the same requirements.txt"


def test_a_package_that_cannot_be_installed_is_the_reason(tmp_path: Path) -> None:
    job = ScriptContainer(tmp_path / "ml", {"train.py": "", "requirements.txt": "no-such-package-of-kennel==9\n"})
    assert job.run(PIP_NO_INDEX="1").code == 1
    assert job.failure.startswith("InstallRequirementsError: ExitCode 1") and "no-such-package-of-kennel==9" in job.failure


def test_a_package_of_its_own_is_installed_and_run_as_a_module(tmp_path: Path) -> None:
    setup = "from setuptools import setup\nsetup(name='own', version='1', py_modules=['train', 'own_helper'])\n"
    script = "import sys, own_helper\nprint(own_helper.__file__, __name__, sys.argv[1:])"
    files = {"setup.py": setup, "train.py": script, "own_helper.py": ""}
    run = ScriptContainer(tmp_path / "ml", files, lr=1).run(PIP_NO_INDEX="1", PIP_NO_BUILD_ISOLATION="0")
    assert run.code == 0, run.err
    assert "own_helper.py __main__ ['--lr', '1']" in run.out


@pytest.mark.parametrize(
    "script",
    [
        {"train.py": "import subprocess, sys\nsubprocess.check_call([sys.executable, '-m', 'pip', 'install', 'kennel-toy'])\n"},
        {"train.sh": "#!/bin/sh\npip install kennel-toy && python -c 'import kennel_toy'"},
    ],
)
def test_what_a_script_installs_itself_goes_with_its_job(tmp_path: Path, script: dict[str, str]) -> None:
    wheels = write_wheel(tmp_path / "wheels", "kennel_toy", {"kennel_toy.py": ""})
    job = ScriptContainer(tmp_path / "ml", script, program=next(iter(script)))
    run = job.run(PIP_NO_INDEX="1", PIP_FIND_LINKS=str(wheels), PATH="/usr/bin:/bin")
    assert run.code == 0 and "Successfully installed kennel" in run.out, run.err
    assert importlib.util.find_spec("kennel_toy") is None
