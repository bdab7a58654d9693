"""A script that names /opt/ml itself."""

from pathlib import Path

import pytest

from tests.support.script_jobs import ScriptContainer


def test_the_paths_of_sagemaker_are_there_by_name(tmp_path: Path) -> None:
    script = "import os\nopen('/opt/ml/model/a', 'w').write(str(os.listdir('/opt/ml/input/data')))"
    job = ScriptContainer(tmp_path / "ml", {"train.py": script})
    run = job.run()
    if run.code and not Path("/opt/ml").exists():
        assert "SM_MODEL_DIR" in run.out  # a machine without user namespaces: it is told what to do
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
