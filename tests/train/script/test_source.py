"""Where a script's code comes from, and what is refused of it."""

import tarfile
from pathlib import Path

import pytest

from tests.support.script_jobs import ScriptContainer


@pytest.mark.parametrize("kind", ["link", "escape", "cut"])
def test_a_hostile_source_is_refused(tmp_path: Path, kind: str) -> None:
    job = ScriptContainer(tmp_path / "ml", {"train.py": "print('never')"})
    archive = job.base / "input/data/code/sourcedir.tar.gz"
    if kind == "cut":
        archive.write_bytes(archive.read_bytes()[:60])
    else:
        with tarfile.open(archive, "w:gz") as tar:
            member = tarfile.TarInfo("train.py" if kind == "link" else "../train.py")
            member.type, member.linkname = (tarfile.SYMTYPE, "/etc/passwd") if kind == "link" else (tarfile.REGTYPE, "")
            tar.addfile(member)
    run = job.run()
    assert run.code == 1 and "never" not in run.out
    assert job.failure.startswith("SourceError: sagemaker_submit_directory: /opt/ml/input/data/code/sourcedir.tar.gz: "), (
        job.failure
    )


@pytest.mark.parametrize("kind", ["folder", "file", "in place"])
def test_a_folder_a_file_and_code_in_the_image_are_taken(tmp_path: Path, kind: str) -> None:
    job = ScriptContainer(tmp_path / "ml", {"train.py": "print('ran', __file__)"})
    source = job.base / "code" if kind == "in place" else tmp_path / "own"
    source.mkdir()
    (source / "train.py").write_text("print('ran', __file__)")
    place = {"folder": str(source), "file": str(source / "train.py"), "in place": None}[kind]
    job.send(sagemaker_program="train.py", **({"sagemaker_submit_directory": place} if place else {}))
    run = job.run()
    assert run.code == 0, run.err
    assert "ran " in run.out


@pytest.mark.parametrize("place", ["/nowhere", "s3://bucket/source.tar.gz", "s3://"])
def test_code_that_cannot_be_had_is_told_with_its_place(tmp_path: Path, place: str) -> None:
    job = ScriptContainer(tmp_path / "ml", {"train.py": ""})
    job.send(sagemaker_program="train.py", sagemaker_submit_directory=place)
    run = job.run(AWS_ENDPOINT_URL="http://127.0.0.1:9", AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b", AWS_MAX_ATTEMPTS="1")
    assert run.code == 1
    assert job.failure.startswith("SourceError: sagemaker_submit_directory: ") and place in job.failure, job.failure
