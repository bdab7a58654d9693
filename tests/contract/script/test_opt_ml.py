"""A script that names /opt/ml itself."""

import shutil
import subprocess
from pathlib import Path

import pytest

from contract.script import opt_ml
from tests.support.script_jobs import ScriptContainer


def test_the_paths_of_sagemaker_are_there_by_name(tmp_path: Path) -> None:
    script = "import os\nopen('/opt/ml/model/a', 'w').write(str(os.listdir('/opt/ml/input/data')))"
    job = ScriptContainer(tmp_path / "ml", {"train.py": script})
    run = job.run()
    if run.code and not Path("/opt/ml").exists():
        assert "/opt/ml is not the job's folder here" in run.out and "SM_MODEL_DIR" in run.out
        pytest.skip("this machine lets nobody but root make a mount namespace")
    assert run.code == 0, run.err
    assert (job.layout.model / "a").read_text() == "['code']"


def test_the_hosts_have_their_names(tmp_path: Path) -> None:
    """init_process_group with MASTER_ADDR=algo-1, as scripts do without a launcher."""
    script = "import socket\nprint(socket.gethostbyname('algo-1'), socket.gethostbyname('localhost'))"
    job = ScriptContainer(tmp_path / "ml", {"train.py": script})
    run = job.run()
    if run.code and not Path("/opt/ml").exists():
        pytest.skip("this machine lets nobody but root make a mount namespace")
    assert run.code == 0, run.err
    assert "127.0.0.1 127.0.0.1" in run.out
    assert "algo-1" not in Path("/etc/hosts").read_text()


def test_a_missing_file_below_opt_ml_is_the_scripts_own_matter(tmp_path: Path) -> None:
    run = ScriptContainer(tmp_path / "ml", {"train.py": "open('/opt/ml/input/data/nosuch/a')"}).run()
    if "/opt/ml is not the job's folder here" in run.out:
        pytest.skip("this machine lets nobody but root make a mount namespace")
    assert run.code == 1 and "FileNotFoundError" in run.err
    assert "SM_MODEL_DIR" not in run.out, "the folder is at /opt/ml: the script need not name it otherwise"


def test_a_job_that_cannot_be_shown_there_is_told_why_and_runs(tmp_path: Path) -> None:
    done = subprocess.run(opt_ml.command(tmp_path / "nosuch", ["/bin/echo", "runs"]), capture_output=True, text=True, check=True)
    first, second = done.stdout.splitlines()
    assert first.startswith("/opt/ml is not the job's folder here ([Errno ") and "SM_MODEL_DIR" in first
    assert second == "runs" and not done.stderr


def test_a_command_that_needs_the_folder_there_does_not_run_without(tmp_path: Path) -> None:
    command = opt_ml.command(tmp_path / "nosuch", ["/bin/echo", "runs"], needed=True)
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and not done.stdout
    assert done.stderr.startswith("/opt/ml is not the job's folder here ([Errno ") and "user.max_user_namespaces" in done.stderr


def test_the_job_may_lie_below_opt_itself(tmp_path: Path) -> None:
    """An installation in /opt: what is there stays, links and files and folders."""
    if Path("/opt/ml").exists() or not shutil.which("unshare"):
        pytest.skip("needs an empty /opt/ml and unshare")
    base = Path("/opt/project/.kennel/ml")
    prepare = f"""mount -t tmpfs none /opt && mkdir -p {base}/input/config {base}/model && cd {base} || exit 77
echo '{{"hosts": ["algo-1"]}}' > input/config/resourceconfig.json
ln -s nowhere /opt/link; echo text > "/opt/a file"; mkfifo /opt/pipe
exec "$@"
"""
    look = f"echo a > /opt/ml/model/a; pwd; cat {base}/model/a '/opt/a file'; readlink /opt/link; test -p /opt/pipe && ls /opt"
    command = opt_ml.command(base, ["/bin/sh", "-c", look])
    done = subprocess.run(["unshare", "-Urm", "/bin/sh", "-c", prepare, "sh", *command], capture_output=True, text=True)
    if done.returncode in (1, 77) and not done.stdout:
        pytest.skip(f"this machine refuses user namespaces: {done.stderr}")
    there = [str(base), "a", "text", "nowhere", "a file", "link", "ml", "pipe", "project"]
    assert done.stdout.splitlines() == there, done.stderr
