"""Row 77. Files, folders and classes whose names are bytes that are no UTF-8: wherever such a name comes in it works, or is named
in one line with the remedy. Accented names work under any locale."""

import io
import json
import os
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest
from rich.console import Console

from contract import archive, manifest
from contract.errors import ArchiveError, ArtefactError
from scripts.cli.terminal import Terminal
from scripts.errors import LaunchError
from scripts.files.unzip import unzip
from tests.support import artefact
from tests.support.local_server import LocalServer, job_request, log_lines, processing_request, wait_for_job, wait_for_processing
from tests.support.person import WEIGHTS, Kennel, write_pictures
from tests.support.train_jobs import Container, nursery

BAD, SHOWN = os.fsdecode(b"caf\xe9"), "caf\\udce9"
"""A name as an old system wrote it, in Latin-1, and how it is shown."""
REMEDY = "has a name that is not UTF-8; rename it"


def test_a_set_leaves_out_such_a_picture_and_refuses_such_a_class(kennel: Kennel, tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / BAD)  # the folder's own name is no key
    picture = next(folder.glob("train/*/*.jpg"))
    shutil.copy(picture, picture.with_name(f"{BAD}.jpg"))
    done = kennel.run("data", "--folder", str(folder))
    print(done.stdout.splitlines()[0])
    assert f"{SHOWN}.jpg" in done.stdout and REMEDY in done.stdout and "12 uploaded" in done.stdout
    for split in ("train", "valid", "test"):
        (folder / split / picture.parent.name).rename(folder / split / BAD)
    refused = kennel.run("data", "--folder", str(folder), status=2).stderr
    print(refused.strip())
    assert f"class '{SHOWN}'" in refused and REMEDY in refused and len(refused.splitlines()) == 1


def test_weights_of_such_a_name_are_refused(kennel: Kennel, tmp_path: Path) -> None:
    file = tmp_path / f"{BAD}.safetensors"
    file.write_bytes(WEIGHTS)
    refused = kennel.run("weights", str(file), status=2).stderr
    print(refused.strip())
    assert f"{SHOWN}.safetensors {REMEDY}" in refused and len(refused.splitlines()) == 1


def test_accented_names_work_under_any_locale(kennel: Kennel, tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "set")
    for split in ("train", "valid", "test"):
        next((folder / split).iterdir()).rename(folder / split / "001.Épagneul")
    assert "12 uploaded" in kennel.run("data", "--folder", str(folder), LC_ALL="C").stdout
    assert kennel.server is not None
    keys = [row["Key"] for row in kennel.server.s3.list_objects_v2(Bucket="bucket", Prefix="kennel/data/set/")["Contents"]]
    assert sum("/001.Épagneul/" in key for key in keys) == 6


def zipped(path: Path, name: bytes, *, system: int, marked: bool = False) -> Path:
    """A zip of one picture whose name is those bytes, made on that system (3: Unix, 0: DOS)."""
    member = zipfile.ZipInfo("train/" + "x" * len(name) + "/a.jpg")
    member.create_system = system
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr(member, b"picture")
    content = path.read_bytes().replace(b"x" * len(name), name)
    if marked:
        content = content.replace(b"PK\x03\x04\x14\x00\x00\x00", b"PK\x03\x04\x14\x00\x00\x08")
        content = content.replace(b"PK\x01\x02\x14" + bytes([system]) + b"\x14\x00\x00\x00", _marked_entry(system))
    path.write_bytes(content)
    return path


def _marked_entry(system: int) -> bytes:
    return b"PK\x01\x02\x14" + bytes([system]) + b"\x14\x00\x00\x08"


def test_names_in_a_zip_are_read_as_they_were_written(tmp_path: Path) -> None:
    output = Terminal(Console(file=io.StringIO()))

    def classes(number: int, name: bytes, **how: int) -> list[str]:
        unzip(zipped(tmp_path / f"{number}.zip", name, **how), tmp_path / str(number), output)
        return [path.name for path in (tmp_path / str(number) / "train").iterdir()]

    assert classes(1, "Épagneul".encode(), system=3) == ["Épagneul"], "as macOS writes it: not marked"
    assert classes(2, "Épagneul".encode("cp437"), system=0) == ["Épagneul"], "as Windows writes it"
    assert classes(3, "Épagneul".encode(), system=3, marked=True) == ["Épagneul"]
    for number, marked, told in ((4, False, REMEDY), (5, True, "not a whole zip")):
        with pytest.raises(LaunchError, match=told) as caught:
            classes(number, "Épagneul".encode("latin-1"), system=3, marked=marked)
        print(caught.value)
        assert not (tmp_path / str(number)).exists()


def test_a_training_job_leaves_such_a_picture_out_by_name(tmp_path: Path) -> None:
    container = Container(tmp_path / "ml", train=4, validation=2, epochs="1", export="weights", profile="off")
    folder = container.base / "input" / "data" / "train" / "a"
    shutil.copy(folder / "000.png", folder / f"{BAD}.png")
    attempt = nursery().start(container, tmp_path / "attempt")
    assert attempt.wait() == 0, attempt.log
    told = f"left out, 1 of 19 pictures cannot be used: train/a/{SHOWN}.png: {REMEDY}"
    print(told)
    assert told in attempt.log and "Traceback" not in attempt.log


def test_a_training_job_refuses_such_a_class_by_name(tmp_path: Path) -> None:
    container = Container(tmp_path / "ml", train=4, validation=2)
    for split in ("train", "validation"):
        folder = container.base / "input" / "data" / split
        (folder / "a").rename(folder / BAD)
    ended = container.run()
    print(container.failure)
    assert ended.code == 1 and "Traceback" not in ended.out + ended.err
    assert f"no usable pictures of 1 class(es): {SHOWN}" in container.failure
    assert f"train/{SHOWN}: {REMEDY}" in ended.out


def test_no_archive_and_no_model_json_brings_such_a_name_in(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as tar:
        tar.addfile(tarfile.TarInfo(f"{BAD}.txt"))
    with pytest.raises(ArchiveError, match="not UTF-8"):
        archive.unpack(tmp_path / "model.tar.gz", tmp_path / "out")
    folder = shutil.copytree(artefact.small() / "model", tmp_path / "model")
    path = folder / "model.json"
    body = json.loads(path.read_text())
    path.write_text(json.dumps(body | {"classes": [BAD, *body["classes"][1:]]}))
    with pytest.raises(ArtefactError, match="not UTF-8"):
        manifest.read(folder)


WRITE = f"""
import os
for place in ("model", "output/data", "checkpoints"):
    (base / place).mkdir(parents=True, exist_ok=True)
    for name in ({BAD!r}, "good"):
        (base / place / name).write_text(place)
"""


@pytest.mark.parametrize("compression", ["GZIP", "NONE"])
def test_a_job_keeps_its_other_files_and_is_told(server: LocalServer, compression: str, tmp_path: Path) -> None:
    name = f"names-{compression.lower()}"
    output = {"S3OutputPath": "s3://bucket/out", "CompressionType": compression}
    request = job_request(name, OutputDataConfig=output, CheckpointConfig={"S3Uri": f"s3://bucket/checkpoints/{name}"})
    server.sagemaker.create_training_job(**request, HyperParameters={"python": json.dumps(WRITE)})
    job = wait_for_job(server, name)
    log = log_lines(server, name)
    print([line for line in log if "UTF-8" in line])
    assert job["TrainingJobStatus"] == "Completed", job
    assert any(f"/checkpoints/{SHOWN} has a name that is not UTF-8" in line for line in log)
    if compression == "GZIP":  # a tar holds any bytes
        server.s3.download_file("bucket", f"out/{name}/output/model.tar.gz", str(tmp_path / "model.tar.gz"))
        with tarfile.open(tmp_path / "model.tar.gz") as tar:
            assert {BAD, "good"} <= set(tar.getnames())
    else:
        keys = {
            row["Key"].rpartition("/")[2] for row in server.s3.list_objects_v2(Bucket="bucket", Prefix=f"out/{name}/")["Contents"]
        }
        assert keys == {"good"} and any(f"/model/{SHOWN} has a name" in line for line in log)


def test_a_processing_job_too(server: LocalServer) -> None:
    code = (
        f"out = base / 'processing' / 'output' / 'copy'\nout.mkdir(parents=True, exist_ok=True)\n(out / {BAD!r}).write_text('x')"
    )
    place = {"S3Uri": "s3://bucket/names", "LocalPath": "/opt/ml/processing/output/copy", "S3UploadMode": "EndOfJob"}
    outputs = {"Outputs": [{"OutputName": "copy", "S3Output": place}]}
    request = processing_request("names", {"python": json.dumps(code)}, ProcessingOutputConfig=outputs)
    server.sagemaker.create_processing_job(**request)
    job = wait_for_processing(server, "names")
    log = log_lines(server, "names", kind="ProcessingJobs")
    print([line for line in log if "UTF-8" in line])
    assert job["ProcessingJobStatus"] == "Completed", job
    assert any(f"{SHOWN} has a name that is not UTF-8" in line for line in log)
