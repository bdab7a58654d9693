"""Row 32: two servers on one root, a full disk, a corrupt journal. State is never half changed; the message helps."""

import contextlib
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.support.local_server import ROOT, LocalServer

TRUST = '{"Statement": []}'
INFINITE = resource.RLIM_INFINITY


@pytest.fixture()
def server(tmp_path: Path) -> Iterator[LocalServer]:
    """A server of the test's own, gone after it however the test ends."""
    started = LocalServer(tmp_path / "root")
    yield started
    with contextlib.suppress(ProcessLookupError):
        started.kill()


def start_second(root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "local_sagemaker", "--root", str(root), "--port", "0"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)


def test_a_second_server_is_refused_and_names_the_first(server: LocalServer) -> None:
    second = start_second(server.root)
    assert second.returncode == 2
    assert str(server.process.pid) in second.stderr and len(second.stderr.strip().splitlines()) == 1
    print(second.stderr.strip())
    server.s3.create_bucket(Bucket="still-there")
    server.kill()
    seconds = server.start()
    assert [bucket["Name"] for bucket in server.s3.list_buckets()["Buckets"]] == ["still-there"]
    print(f"after SIGKILL the next server was ready in {seconds:.1f} s")
    server.stop()


def test_a_full_disk_is_service_unavailable_and_changes_nothing(server: LocalServer) -> None:
    iam = server.client("iam")
    server.s3.create_bucket(Bucket="bucket")
    server.s3.put_object(Bucket="bucket", Key="k", Body=b"old")
    iam.create_role(RoleName="old", AssumeRolePolicyDocument=TRUST)
    calls = {
        "iam": lambda: iam.create_role(RoleName="new", AssumeRolePolicyDocument=TRUST, Description="x" * 900),
        "s3": lambda: server.s3.put_object(Bucket="bucket", Key="k", Body=b"n" * 200_000),
        "part": lambda: server.s3.create_multipart_upload(Bucket="bucket", Key="k"),
        "logs": lambda: server.logs.create_log_group(logGroupName="/g"),
    }
    codes = {}
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (10_000, INFINITE))  # no file may grow: a full disk
    for name, call in calls.items():
        with pytest.raises(ClientError) as caught:
            call()
        codes[name] = (caught.value.response["Error"]["Code"], caught.value.response["ResponseMetadata"]["HTTPStatusCode"])
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (INFINITE, INFINITE))
    assert set(codes.values()) == {("ServiceUnavailable", 503)}, codes
    assert server.s3.get_object(Bucket="bucket", Key="k")["Body"].read() == b"old"
    assert [role["RoleName"] for role in iam.list_roles()["Roles"]] == ["old"]
    assert "Uploads" not in server.s3.list_multipart_uploads(Bucket="bucket")
    for call in calls.values():
        call()
    server.kill()
    server.start()
    assert server.s3.head_object(Bucket="bucket", Key="k")["ContentLength"] == 200_000
    print(f"refused with {codes}; the same calls pass once there is room")
    server.stop()


@pytest.mark.parametrize("name", ["state.db", "objects/index.db", "events.db"])
def test_a_corrupt_file_is_moved_aside_with_a_clear_message(server: LocalServer, name: str) -> None:
    server.s3.create_bucket(Bucket="bucket")
    server.s3.put_object(Bucket="bucket", Key="k", Body=b"precious")
    server.kill()
    path = server.root / name
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    path.write_bytes(b"\x13\x37" * 5000)
    server.start()
    aside = next(path.parent.glob(path.name + ".corrupt-*"))
    assert aside.read_bytes() == b"\x13\x37" * 5000
    said = (server.root / "server.log").read_text()
    assert f"It was moved to {aside}" in said
    if name == "objects/index.db":
        kept = [one.read_bytes() for one in path.parent.glob("blobs.corrupt-*/*/*")]
        assert kept == [b"precious"]
    else:
        assert server.s3.get_object(Bucket="bucket", Key="k")["Body"].read() == b"precious"
    print(next(line for line in said.splitlines() if "moved to" in line))
    server.stop()
