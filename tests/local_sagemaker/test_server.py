"""The program: its command line (config.py), its start and stop, what it costs, and the AWS CLI as a client that is not ours.

Covers local_sagemaker.server, local_sagemaker.config, local_sagemaker.http_api, local_sagemaker.services,
local_sagemaker.context.
"""

import asyncio
import contextlib
import http.client
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from local_sagemaker.config import read_config
from local_sagemaker.errors import StartError
from local_sagemaker.s3 import http as s3_http
from local_sagemaker.server import GRACE, running
from tests.support.local_server import ROOT, LocalServer, ask, make_multi_model_endpoint, put_model, wait_until
from tests.support.malformed_http import CORPUS


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "local_sagemaker", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)


def test_an_image_is_a_name_a_command_and_its_environment(tmp_path: Path) -> None:
    image = "0.dkr.ecr.us-east-1.amazonaws.com/x:1=A=1 B='two words' python -m train --flag='a b'"
    config = read_config(["--root", str(tmp_path), "--port", "0", "--image", image])
    found = config.images.commands["0.dkr.ecr.us-east-1.amazonaws.com/x:1"]
    assert found.command == ("python", "-m", "train", "--flag=a b")
    assert found.environment == {"A": "1", "B": "two words"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--port", "70000"],
        ["--account", "12"],
        ["--region", "us east"],
        ["--image", "name"],
        ["--image", "a=A=1"],
        ["--image", "a='"],
        ["--image-alias", "*/name:*"],
        ["--image-alias", "=other"],
        ["--image-remark", "name="],
    ],
)
def test_a_wrong_option_is_one_line_that_names_it(tmp_path: Path, arguments: list[str]) -> None:
    with pytest.raises(StartError) as caught:
        read_config(["--root", str(tmp_path), *arguments])
    assert arguments[0] in str(caught.value) and "\n" not in str(caught.value)


def test_it_announces_itself_and_stops_cleanly(tmp_path: Path) -> None:
    server = LocalServer(tmp_path / "root")
    about = json.loads((server.root / "server.json").read_text())
    assert about["pid"] == server.process.pid and about["url"] == server.url
    ready = (server.root / "server.log").read_text().splitlines()[-1]
    assert ready == f"ready url={server.url} pid={server.process.pid} root={server.root}"
    for name in ("server.json", "credentials.json"):
        assert stat.S_IMODE(os.stat(server.root / name).st_mode) == 0o600
    server.s3.list_buckets()  # a connection is kept open, and does not hold the stop up
    began = time.monotonic()
    server.stop()
    seconds = time.monotonic() - began
    print(f"stopped in {seconds:.2f} s")
    assert seconds < 5 and not (server.root / "server.json").exists()
    keys = server._keys
    server.start()
    assert server._keys == keys, "a root keeps its keys"
    server.stop()


class Part:
    """A part of a server that writes down what it is told, and fails at it where `fails` says so."""

    def __init__(self, name: str, told: list[str], fails: str = "") -> None:
        self.name, self.told, self.fails = name, told, fails

    def start(self) -> None:
        self.tell("start")

    def stop(self) -> None:
        self.tell("stop")

    def tell(self, what: str) -> None:
        self.told.append(f"{what} {self.name}")
        if what == self.fails:
            raise RuntimeError(f"{self.name} cannot {what}")


@pytest.mark.parametrize(("seconds", "answered"), [(GRACE - 3, True), (GRACE + 30, False)])
def test_what_is_being_answered_at_the_end_has_its_grace_and_no_more(tmp_path: Path, seconds: float, answered: bool) -> None:
    server = LocalServer(tmp_path / "root")
    server.s3.create_bucket(Bucket="bucket")
    put_model(server, "good", "many/good")
    make_multi_model_endpoint(server, "e")
    with ThreadPoolExecutor() as pool:
        begun = tmp_path / "begun"
        code = f"python import time; open({str(begun)!r}, 'w').close(); time.sleep({seconds})"
        asked = pool.submit(ask, server, "e", code, TargetModel="good")
        wait_until(begun.exists)
        began = time.monotonic()
        server.stop()
        took = time.monotonic() - began
        print(f"stopped in {took:.1f} s")
        assert (asked.exception() is None) == answered
    assert took < GRACE + 6, "the rest is for the endpoint's container"


@pytest.mark.parametrize("fails", ["stop", "start"])
def test_every_part_is_stopped_whatever_another_raises(fails: str) -> None:
    told: list[str] = []
    parts = [Part("a", told), Part("b", told, "stop"), Part("c", told), Part("d", told, fails)]

    async def run_them() -> None:
        async with running(parts):
            told.append("serve")

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(run_them())
    assert [line for line in told if "stop" in line] == ["stop d", "stop c", "stop b", "stop a"]
    assert ("serve" in told) == (fails == "stop")
    said = [*map(str, caught.value.exceptions), str(caught.value.__context__)]
    assert "b cannot stop" in said and f"d cannot {fails}" in said, "no error is lost"


def test_a_taken_port_is_named(server: LocalServer, tmp_path: Path) -> None:
    port = server.url.rpartition(":")[2]
    outcome = run("--root", str(tmp_path / "other"), "--port", port)
    assert outcome.returncode == 2 and f"--port {port}" in outcome.stderr and "Traceback" not in outcome.stderr


def test_it_is_light_and_quick(server: LocalServer) -> None:
    resident = psutil.Process(server.process.pid).memory_info().rss / 1024**2
    before = psutil.Process(server.process.pid).cpu_times()
    for _ in range(200):
        server.sagemaker.list_training_jobs()
    after = psutil.Process(server.process.pid).cpu_times()
    used = (after.user + after.system - before.user - before.system) / 200 * 1000
    print(f"idle memory {resident:.0f} MB; ListTrainingJobs takes {used:.1f} ms of its CPU time")
    assert resident < 150
    assert used < 10, "3 ms on a quiet machine"


@pytest.mark.parametrize(("known", "status"), [(False, 403), (True, 413)], ids=["a strange key", "the owner's key"])
def test_a_body_over_the_limit_is_refused_unread(known: bool, status: int, server: LocalServer) -> None:
    """The key is looked at first, the size next, and the signature, which is a wrong one, when the body is there."""
    assert s3_http.XML_BYTES == 8 * 1024**2
    key = json.loads((server.root / "server.json").read_text())["access_key"] if known else "AKIASTRANGE"
    now = time.gmtime()
    scope = f"{key}/{time.strftime('%Y%m%d', now)}/us-east-1/sagemaker/aws4_request"
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=10)
    connection.putrequest("POST", "/")
    for name, value in {
        "X-Amz-Target": "SageMaker.ListModels",
        "Content-Length": str(10**12),
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date;x-amz-target, Signature={'0' * 64}",
        "X-Amz-Date": time.strftime("%Y%m%dT%H%M%SZ", now),
    }.items():
        connection.putheader(name, value)
    connection.endheaders()
    assert connection.getresponse().status == status
    connection.close()


def test_the_aws_cli_drives_it(server: LocalServer, tmp_path: Path) -> None:
    cli = shutil.which("aws")
    if cli is None:
        pytest.skip("the AWS CLI is not installed")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": server._keys[0],
        "AWS_SECRET_ACCESS_KEY": server._keys[1],
        "AWS_DEFAULT_REGION": "us-east-1",
    }

    def aws(*arguments: str) -> str:
        outcome = subprocess.run([cli, *arguments], env=environment, capture_output=True, text=True, timeout=60)
        assert outcome.returncode == 0, outcome.stderr
        return outcome.stdout

    source = tmp_path / "source"
    for name in ("a.txt", "breed/one.jpg", "breed é/two +.jpg"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(name)
    (source / "big.bin").write_bytes(os.urandom(9 * 1024**2))
    aws("s3", "mb", "s3://from-cli")
    assert aws("s3", "sync", str(source), "s3://from-cli/data").count("upload:") == 4
    assert aws("s3", "sync", str(source), "s3://from-cli/data") == "", "nothing changed, nothing goes up"
    aws("s3", "sync", "s3://from-cli/data", str(tmp_path / "back"))
    for path in source.rglob("*.*"):
        assert (tmp_path / "back" / path.relative_to(source)).read_bytes() == path.read_bytes()
    assert "breed/" in aws("s3", "ls", "s3://from-cli/data/")
    assert json.loads(aws("sts", "get-caller-identity"))["Account"] == "000000000000"
    aws("s3", "rb", "--force", "s3://from-cli")
    assert "from-cli" not in aws("s3", "ls")


def test_what_is_no_http_leaves_no_traceback_in_the_log(tmp_path: Path) -> None:
    server = LocalServer(tmp_path / "root")
    port = int(server.url.rpartition(":")[2])
    for name, data in CORPUS.items():
        with socket.create_connection(("127.0.0.1", port), timeout=0.5) as link, contextlib.suppress(OSError):
            link.sendall(data)
            answer = link.recv(65536)
            assert not answer or 400 <= int(answer[9:12]) < 500 or answer[9:12] == b"501", (name, answer)
    server.stop()
    assert "Traceback" not in (server.root / "server.log").read_text()
