"""`kennel env` in real shells: what it sets, and what it leaves of the person's own and of another root's.

Also scripts.verbs.env. Row 98 has what `--undo` gives back.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.aws import client_environment, local_server
from scripts.aws.settings import Settings
from tests.support.person import Kennel, KennelHere, exported


@pytest.fixture()
def own(kennel: Kennel) -> Iterator[Kennel]:
    """A folder whose server is stopped at the end."""
    yield kennel
    kennel.run("stop")


NOTEBOOK = """
import boto3, urllib.request
sts = boto3.client("sts", endpoint_url="https://sts.us-east-1.amazonaws.com")  # as the SageMaker SDK has it
role = sts.get_caller_identity()["Arn"].split("/")[1]
print(boto3.client("iam").get_role(RoleName=role)["Role"]["Arn"])
s3 = boto3.client("s3")
s3.put_object(Bucket="kennel-local", Key="a.txt", Body=b"a picture")
url = s3.generate_presigned_url("get_object", Params={"Bucket": "kennel-local", "Key": "a.txt"})
print(urllib.request.urlopen(url).read().decode())
try:
    urllib.request.urlopen("https://kennel-local.s3.amazonaws.com/a.txt")
except urllib.error.HTTPError as error:
    print(error.code)
"""


@pytest.mark.parametrize("shell", ["sh", "bash", "fish", "pwsh"])
def test_what_env_prints_points_a_shells_programs_here_and_can_be_undone(own: Kennel, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    kind = {"fish": "fish", "pwsh": "powershell"}.get(shell, "sh")
    (own.folder / "it's.py").write_text(NOTEBOOK)
    lines = own.run("env", "--shell", kind).stdout + f'{sys.executable} "it\'s.py"\n'
    saved = exported(own.run("env").stdout)["KENNEL_ENV_BEFORE"]
    lines += own.run("env", "--shell", kind, "--undo", KENNEL_ENV_BEFORE=saved).stdout + "env\n"
    script = own.folder / "script"
    script.write_text(lines)
    before = {name: value for name, value in os.environ.items() if not name.upper().endswith("_PROXY")}
    done = subprocess.run([shell, script], cwd=own.folder, env=before, capture_output=True, text=True, timeout=100)
    answers, _, after = done.stdout.partition("403\n")
    assert answers.splitlines() == ["arn:aws:iam::000000000000:role/kennel-execution", "a picture"], done.stderr
    left = dict(line.partition("=")[::2] for line in after.splitlines())
    for name in ("AWS_ENDPOINT_URL", "HTTPS_PROXY", "https_proxy", "SSL_CERT_FILE", "KENNEL_ENV_BEFORE"):
        assert left.get(name) == before.get(name), name


def test_the_persons_own_proxy_and_authorities_stay_in_use(own: Kennel) -> None:
    mine = own.folder / "mine.pem"
    mine.write_text("# mine\n")
    given = {"HTTPS_PROXY": "http://proxy.example:3128", "NO_PROXY": "intranet.example,localhost", "SSL_CERT_FILE": str(mine)}
    lines = exported(own.run("env", **given).stdout)
    assert re.fullmatch(r"http://kennel:[\w-]{43}@127\.0\.0\.1:\d+", lines["https_proxy"])
    assert lines["NO_PROXY"] == "intranet.example,localhost,127.0.0.1,::1"
    bundle = Path(lines["SSL_CERT_FILE"]).read_text()
    assert bundle.split("\n", 1)[1].startswith("# mine\n-----BEGIN CERTIFICATE-----")
    assert exported(own.run("env", **lines).stdout) == lines, "a second time in the same shell changes nothing"
    assert "export HTTPS_PROXY=http://proxy.example:3128" in own.run("env", "--undo", **lines).stdout
    mine.write_text("# changed\n")
    own.run("env", **lines)
    assert "\n# changed\n-----BEGIN" in Path(lines["SSL_CERT_FILE"]).read_text()
    other = own.run("env", HTTPS_PROXY="http://other.example:3128", status=1).stderr
    assert "it was started without your HTTPS_PROXY; " in other and other.count("\n") == 1
    authority = own.folder / ".kennel" / "local" / "certificate-authority.pem"
    before = json.loads((own.folder / ".kennel" / "local" / "server.json").read_text())["url"]
    own.run("stop")
    authority.unlink()
    authority.mkdir()
    assert "certificate-authority.pem" in own.run("env", **given, status=1).stderr
    authority.rmdir()
    assert f"AWS_ENDPOINT_URL={before}" in own.run("env", **given).stdout, "a new start, and on the same port"
    given["SSL_CERT_FILE"] = str(own.folder / "none.pem")
    assert "none.pem cannot be read" in own.run("env", **given, status=1).stderr


def test_a_second_roots_authorities_are_the_persons_and_its_own(own: Kennel, tmp_path: Path) -> None:
    mine = tmp_path / 'm"ine.pem'
    mine.write_text("# mine\n")
    first = exported(own.run("env", SSL_CERT_FILE=str(mine), HTTPS_PROXY="").stdout)
    authority = re.findall("-----BEGIN.*?-----END", Path(first["SSL_CERT_FILE"]).read_text(), re.DOTALL)
    assert len(authority) == 1
    other = KennelHere(tmp_path / "other")
    try:
        for shell in (first, {"SSL_CERT_FILE": first["SSL_CERT_FILE"], "HTTPS_PROXY": first["HTTPS_PROXY"]}):
            second = exported(other.run("env", **shell).stdout)
            bundle = Path(second["SSL_CERT_FILE"]).read_text()
            assert bundle.split("\n", 1)[1].startswith("# mine\n---") and bundle.count("-----BEGIN") == 1
            assert authority[0] not in bundle and second["HTTPS_PROXY"] != first["HTTPS_PROXY"]
            about = json.loads((other.folder / ".kennel" / "local" / "server.json").read_text())
            assert about["upstream_proxy"] == "", "the first root's proxy is not the person's own"
        back = other.run("env", "--undo", **first).stdout
        given = exported(back)
        assert given["SSL_CERT_FILE"] == str(mine) and given["HTTPS_PROXY"] == "" and "unset AWS_ENDPOINT_URL\n" in back
        mine.unlink()
        bundle = Path(exported(other.run("env", **shell).stdout)["SSL_CERT_FILE"]).read_text()
        assert authority[0] not in bundle and bundle.count("-----BEGIN") > 10, "the machine's own"
    finally:
        other.run("stop")


@pytest.mark.parametrize("before", ["", "no JSON", "[]", '{"A B": "x"}', '{"A": 1}', "null", "1"])
def test_what_env_did_not_write_is_told(kennel: Kennel, before: str) -> None:
    error = kennel.run("env", "--undo", status=1, KENNEL_ENV_BEFORE=before).stderr
    assert "KENNEL_ENV_BEFORE is" in error and "unset it" in error and error.count("\n") == 1


def test_a_program_gets_the_persons_environment_with_these(own: Kennel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://elsewhere.example")
    monkeypatch.setenv("MINE", "1")
    monkeypatch.chdir(own.folder)
    own.run("up")
    settings = Settings(target="local", home=own.folder / ".kennel", region="us-east-1")
    server = local_server.ensure(settings)
    given = client_environment.whole(settings, server)
    assert given["MINE"] == "1" and given["AWS_ENDPOINT_URL"] == server.url and "AWS_ENDPOINT_URL_S3" not in given
    assert "KENNEL_ENV_BEFORE" not in given, "the person's own keys are not handed on"
