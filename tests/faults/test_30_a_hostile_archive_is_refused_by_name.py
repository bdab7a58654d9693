"""Row 30: a hostile model.tar.gz is refused with its member named, and little is written, whichever Python it is."""

import gzip
import io
import resource
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from contract.archive import Limits, unpack
from contract.errors import ArchiveError
from local_sagemaker.containers.untrusted_folder import UntrustedFolder
from local_sagemaker.endpoints import model_data
from tests.contract.test_archive import CORPUS, HOSTILE, build, link, member, snapshot
from tests.support import containers
from tests.support.local_server import LocalServer, job_request, wait_for_endpoint

ROOT = Path(__file__).resolve().parents[2]
ESCAPES = ("dot dot", "dot dot inside", "absolute", "symlink", "hard link", "device", "fifo")
"""What could reach outside of the model's folder on the machine of the local server. It unpacks as tar does otherwise."""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    for name, make in HOSTILE.items():
        (folder / f"{name}.tgz").write_bytes(make())
    (folder / "honest.tgz").write_bytes(build(member("./a/b"), member("c")))
    folder.chmod(0o755)
    return folder


def test_every_python_gives_the_same_answers(built_images: dict[str, str], corpus: Path, tmp_path: Path) -> None:
    """This one has tarfile's filters; the images' base, Debian's 3.11.2, has none."""
    command = [sys.executable, "-c", CORPUS, corpus, tmp_path / "out"]
    here = subprocess.run(command, cwd=ROOT, env={}, capture_output=True, text=True, check=True).stdout
    mounts = ("--volume", f"{corpus}:/corpus:ro", "--volume", f"{containers.usable(tmp_path / 'there')}:/out")
    for image in ("train", "serve-cpu"):
        there = containers.output(built_images[image], "python", "-c", CORPUS, "/corpus", "/out", flags=mounts)
        assert there == here
        assert {path.name for path in (tmp_path / "there").iterdir()} == {"honest"}
        subprocess.run(["rm", "-r", tmp_path / "there" / "honest"], check=True)
    assert here.count(" unpacked\n") == 1 and len(here.splitlines()) == len(HOSTILE) + 1


def test_a_million_members_end_at_the_limit(tmp_path: Path) -> None:
    block = tarfile.TarInfo("f").tobuf()
    (tmp_path / "many.tgz").write_bytes(gzip.compress(b"".join(_numbered(block, number) for number in range(1_000_000)), 1))
    with pytest.raises(ArchiveError, match="'f10000': more than 10,000 members"):
        unpack(tmp_path / "many.tgz", tmp_path / "out")
    assert snapshot(tmp_path) == {"many.tgz"}


def _numbered(block: bytes, number: int) -> bytes:
    """The header of an empty file of another name: only the name and the checksum of the bytes differ."""
    name = f"f{number}".encode()
    changed = name.ljust(100, b"\0") + block[100:148] + b" " * 8 + block[156:]
    return changed[:148] + b"%06o\0 " % sum(changed) + changed[156:]


def test_ten_gigabytes_of_zeros_end_at_the_limit(tmp_path: Path) -> None:
    """Honestly declared, so not a byte is written; and with a lie about their size, no more than was declared."""
    entry = tarfile.TarInfo("zeros")
    entry.size = 10 << 30
    (tmp_path / "zeros.tgz").write_bytes(gzip.compress(entry.tobuf() + b"\0" * (8 << 20)))
    with pytest.raises(ArchiveError, match="'zeros': more than 8,589,934,592 bytes in all"):
        unpack(tmp_path / "zeros.tgz", tmp_path / "out")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_oublock
    with pytest.raises(ArchiveError, match=r"'zeros': (more than|ends early)|not a whole tar"):
        unpack(tmp_path / "zeros.tgz", tmp_path / "out", Limits(bytes=16 << 30))
    written = (resource.getrusage(resource.RUSAGE_SELF).ru_oublock - before) * 512
    print(f"{written >> 20} MiB written of the 10 GB that were claimed")
    assert written < 64 << 20
    assert snapshot(tmp_path) == {"zeros.tgz"}


@pytest.mark.parametrize("name", ESCAPES)
def test_the_local_server_writes_nothing_outside_the_model_folder(name: str, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    with pytest.raises(model_data.BadModelData, match=r"(Member|Link|member) '.+'"):
        model_data.unpack(io.BytesIO(HOSTILE[name]()), UntrustedFolder(tmp_path / "deep" / "model"))
    assert not [path for path in tmp_path.rglob("*") if not path.is_relative_to(tmp_path / "deep" / "model") and path.is_file()]
    assert not Path("/tmp/kennel-escaped").exists()


def test_an_endpoint_on_it_fails_and_says_why(tmp_path: Path) -> None:
    server = LocalServer(tmp_path / "root")
    try:
        server.s3.create_bucket(Bucket="bucket")
        body = build(member("weights.txt"), link("door", "../../../..", tarfile.SYMTYPE), member("door/escaped"))
        server.s3.put_object(Bucket="bucket", Key="model.tar.gz", Body=body)
        api = server.sagemaker
        container = {"Image": "test-serve:1", "ModelDataUrl": "s3://bucket/model.tar.gz"}
        api.create_model(ModelName="m", PrimaryContainer=container, ExecutionRoleArn=job_request("x")["RoleArn"])
        variant = {"VariantName": "a", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        api.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
        api.create_endpoint(EndpointName="e", EndpointConfigName="c")
        endpoint = wait_for_endpoint(server, "e")
        assert endpoint["EndpointStatus"] == "Failed" and "'door" in endpoint["FailureReason"], endpoint
    finally:
        server.stop()
    assert not list(tmp_path.rglob("escaped"))
