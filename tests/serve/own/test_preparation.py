"""A person's code is fetched and given its packages before a worker starts; what stands in the way is one line."""

import io
import json
import signal
import tarfile
import time
from pathlib import Path

import pytest

from tests.support import own_model
from tests.support.local_server import LocalServer
from tests.support.script_jobs import pack, write_wheel

WITH_PACKAGE = own_model.ECHO.replace("import json, os", "import json, os, kennel_toy")


def test_requirements_are_installed_once_and_never_into_this_programs_environment(tmp_path: Path) -> None:
    wheels = write_wheel(tmp_path / "wheels", "kennel_toy", {"kennel_toy.py": ""})
    pip = {"PIP_NO_INDEX": 1, "PIP_FIND_LINKS": wheels, "KENNEL_CACHE": tmp_path / "cache"}
    files = {"code/inference.py": WITH_PACKAGE, "code/requirements.txt": "kennel-toy\n"}
    installed = []
    for name in ("one", "two"):
        with own_model.serve(tmp_path / name / "ml", files, **pip) as server:
            assert server.invoke(b"ab").json()["bytes"] == 2
            installed.append(len(server.events("installing")))
    assert installed == [1, 0]
    del pip["KENNEL_CACHE"]
    with own_model.serve(tmp_path / "three" / "ml", files, **pip) as server:
        assert server.invoke(b"ab").status == 200
        private = list((tmp_path / "three").glob("serve-*"))
    assert len(private) == 1 and not private[0].exists(), "a folder of this run's own, removed at its end"


def test_packages_that_cannot_be_installed_are_the_reason(tmp_path: Path) -> None:
    files = {"code/inference.py": own_model.ECHO, "code/requirements.txt": "no-such-package-of-kennel==9\n"}
    with own_model.serve(tmp_path / "ml", files, ready=False, PIP_NO_INDEX=1) as server:
        status, errors = server.wait_end(60)
    assert status == 1 and errors.count("\n") == 1
    assert "requirements.txt cannot be installed: ERROR: " in errors and "no-such-package-of-kennel==9" in errors


@pytest.mark.parametrize("wanted", [0, 1])
def test_a_program_told_to_stop_or_out_of_time_gives_an_installation_up(tmp_path: Path, wanted: int) -> None:
    """The package's build takes a minute."""
    setup = "import time\ntime.sleep(60)\n"
    files = {"code/inference.py": "", "code/requirements.txt": "./slow\n", "code/slow/setup.py": setup}
    environ = {"PIP_NO_INDEX": 1, "PIP_NO_BUILD_ISOLATION": 0, "SAGEMAKER_STARTUP_TIMEOUT": 4 if wanted else 600}
    with own_model.serve(tmp_path / "ml", files, ready=False, **environ) as server:
        while not server.events("installing"):
            time.sleep(0.05)
        tree = server.tree()
        if not wanted:
            server.process.send_signal(signal.SIGTERM)
        status, errors = server.wait_end(20)
        print(f"ended with {status} {time.monotonic() - server.started:.1f} s after its start, {len(tree)} processes before")
    assert status == wanted and ("SAGEMAKER_STARTUP_TIMEOUT" in errors) == bool(wanted)
    assert not list(tmp_path.glob("serve-*"))


def test_a_source_archive_is_fetched_from_s3_with_the_containers_keys(tmp_path: Path) -> None:
    pack(tmp_path / "sourcedir.tar.gz", tmp_path / "source", {"ask.py": own_model.ECHO})
    local = LocalServer(tmp_path / "root")
    try:
        local.s3.create_bucket(Bucket="bucket")
        local.s3.upload_file(str(tmp_path / "sourcedir.tar.gz"), "bucket", "a/sourcedir.tar.gz")
        about = json.loads((local.root / "server.json").read_text())
        environ = {
            "AWS_ENDPOINT_URL": local.url,
            "AWS_ACCESS_KEY_ID": about["access_key"],
            "AWS_SECRET_ACCESS_KEY": about["secret_key"],
            "AWS_REGION": "us-east-1",
            "SAGEMAKER_PROGRAM": "ask.py",
        }
        source = {"SAGEMAKER_SUBMIT_DIRECTORY": "s3://bucket/a/sourcedir.tar.gz"}
        with own_model.serve(tmp_path / "ml", {"model.pth": ""}, **environ, **source) as server:
            assert server.invoke(b"ab").json()["bytes"] == 2
        source = {"SAGEMAKER_SUBMIT_DIRECTORY": "s3://bucket/nosuch.tar.gz"}
        with own_model.serve(tmp_path / "ml", {}, ready=False, **environ, **source) as server:
            status, errors = server.wait_end(60)
    finally:
        local.stop()
    assert status == 1 and errors.count("\n") == 1 and "s3://bucket/nosuch.tar.gz cannot be fetched: " in errors


def test_an_archive_that_leaves_its_folder_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "bad.tar.gz", "w:gz") as tar:
        entry = tarfile.TarInfo("../inference.py")
        entry.size = 1
        tar.addfile(entry, io.BytesIO(b"a"))
    source = {"SAGEMAKER_SUBMIT_DIRECTORY": tmp_path / "bad.tar.gz"}
    with own_model.serve(tmp_path / "ml", {"model.pth": ""}, ready=False, **source) as server:
        status, errors = server.wait_end(60)
    assert status == 1 and "not a plain relative name" in errors


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("ask.py", "which has ask.py; put the script there, or set SAGEMAKER_PROGRAM"),
        ("mine/inference.py", ": all of it lies below mine/; pack what is in that folder"),
    ],
)
def test_an_entry_point_that_is_not_in_the_archive_is_told(tmp_path: Path, name: str, told: str) -> None:
    pack(tmp_path / "sourcedir.tar.gz", tmp_path / "source", {name: ""})
    source = {"SAGEMAKER_SUBMIT_DIRECTORY": tmp_path / "sourcedir.tar.gz"}
    with own_model.serve(tmp_path / "ml", {"model.json": ""}, ready=False, **source) as server:
        status, errors = server.wait_end(60)
    assert status == 1 and errors.count("\n") == 1 and told in errors
    assert f"SAGEMAKER_PROGRAM is 'inference.py', which is no file in {tmp_path / 'sourcedir.tar.gz'}" in errors
