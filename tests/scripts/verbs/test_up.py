"""`kennel up`, `env`, `doctor` and `stop`: a local SageMaker of a folder's own.

Also scripts.verbs.env, scripts.verbs.doctor, scripts.verbs.stop, scripts.aws.api, scripts.aws.local_server,
scripts.cli.terminal and scripts.output.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.local_server import wait_until
from tests.support.person import AWS, ROOT, Kennel, exported


@pytest.fixture()
def own(kennel: Kennel) -> Iterator[Kennel]:
    """A folder whose server, if it starts one, is stopped at the end."""
    yield kennel
    kennel.run("stop")


def test_a_server_is_started_found_and_stopped(own: Kennel) -> None:
    done = own.run("up")
    assert "local SageMaker on http://127.0.0.1:" in done.stdout and "next" in done.stdout
    about = json.loads((own.folder / ".kennel" / "local" / "server.json").read_text())
    assert f"process {about['pid']}" in own.run("up").stdout
    other = own.run("up", "--port", "1", status=2).stderr
    assert f"--port 1: the local SageMaker is up on {about['url']}" in other
    findings = own.run("doctor").stdout
    assert "bucket kennel-local is there" in findings and "role kennel-execution trusts SageMaker" in findings
    lines = exported(own.run("env").stdout)
    assert lines["AWS_ENDPOINT_URL"] == about["url"] and lines["AWS_DEFAULT_REGION"] == "us-east-1"
    code = "import boto3; print(boto3.client('s3').list_buckets()['Buckets'][0]['Name'])"
    asked = subprocess.run([sys.executable, "-c", code], env=os.environ | lines, capture_output=True, text=True, timeout=60)
    assert asked.stdout.strip() == "kennel-local", asked.stderr
    assert "points at" not in own.run("status", **lines).stderr
    assert "nothing here yet" in own.run("status").stdout
    assert own.run("stop").stdout == "local SageMaker stopped\n"
    wait_until(lambda: not psutil.pid_exists(about["pid"]))  # it has ended; init may need a moment to take note of it
    assert own.run("stop").stdout == "local SageMaker was not up\n"


def test_the_account_and_the_persons_images_are_kept_for_every_start(own: Kennel) -> None:
    train = f"{sys.executable} -c 'print(1)'"
    own.run("up", "--account", "123456789012", "--image", f"*/xgboost:*={train}")
    about = json.loads((own.folder / ".kennel" / "local" / "server.json").read_text())
    assert about["account_id"] == "123456789012"
    lines = exported(own.run("env").stdout)
    code = "import boto3; s3 = boto3.client('s3'); print(*[one['Name'] for one in s3.list_buckets()['Buckets']]);"
    code += "print(boto3.client('iam').get_role(RoleName='kennel-execution')['Role']['Arn'])"
    asked = subprocess.run([sys.executable, "-c", code], env=os.environ | lines, capture_output=True, text=True, timeout=60)
    assert asked.stdout.splitlines() == [
        "kennel-local sagemaker-us-east-1-123456789012",
        "arn:aws:iam::123456789012:role/kennel-execution",
    ], asked.stderr
    (own.folder / "model.tar.gz").write_bytes(b"any")
    deploy = own.plan("deploy", "--model", "model.tar.gz")
    roles = [call["request"]["ExecutionRoleArn"] for call in deploy if "ExecutionRoleArn" in call.get("request", {})]
    assert roles == ["arn:aws:iam::123456789012:role/kennel-execution"], deploy
    assert own.run("up", "--account", "123456789012").stdout.startswith("local SageMaker on"), "it is what it is asked to be"
    for option, words in (
        (("--account", "000000000000"), "--account 000000000000: the local SageMaker is up as account 123456789012"),
        (("--image", "a=b"), "--image a: the local SageMaker is up with other images"),
        (("--image", "*/xgboost:*="), "--image */xgboost:*: the local SageMaker is up with other images"),
    ):
        error = own.run("up", *option, status=2).stderr
        assert f"{words}; kennel stop, then kennel up again" in error and error.count("\n") == 1
    command = psutil.Process(about["pid"]).cmdline()
    assert command.index(f"*/xgboost:*={train}") < command.index("--image-alias") and "*/pytorch:*=kennel-train" in command
    own.run("stop")
    own.run("status")
    again = json.loads((own.folder / ".kennel" / "local" / "server.json").read_text())
    command = psutil.Process(again["pid"]).cmdline()
    assert again["account_id"] == "123456789012" and f"*/xgboost:*={train}" in command


@pytest.mark.parametrize(
    "option",
    [("--account", "12345678901"), ("--account", "1234567890123"), ("--image", "name"), ("--image", "=a"), ("--image", "a='")],
)
def test_a_wrong_option_of_the_server_is_one_line_and_starts_nothing(kennel: Kennel, option: tuple[str, str]) -> None:
    error = kennel.run("up", *option, status=2).stderr
    assert f"{option[0]} {option[1]}: " in error and error.count("\n") == 1
    assert not (kennel.folder / ".kennel").exists()


def test_a_verb_starts_the_server_and_a_dry_run_does_not(own: Kennel) -> None:
    own.plan("status")
    assert not (own.folder / ".kennel").exists()
    assert "local SageMaker started on" in own.run("status").stderr
    assert "started on" not in own.run("status").stderr


def test_a_port_that_is_taken_is_named_and_another_is_found(own: Kennel) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        error = own.run("up", "--port", port, status=1).stderr
        assert f"--port {port}" in error and "Choose another port" in error and error.count("\n") == 1
        assert "local SageMaker on" in own.run("up").stdout


def test_what_the_server_says_when_it_cannot_start(own: Kennel) -> None:
    (own.folder / ".kennel").mkdir()
    (own.folder / ".kennel" / "local").write_text("in the way")
    error = own.run("up", status=2).stderr
    assert "File exists" in error and error.count("\n") == 1
    (own.folder / ".kennel" / "local").unlink()


def test_aws_is_not_taken_for_the_local_server(kennel: Kennel) -> None:
    kennel.settings(AWS)
    for before, way in (({}, "unset AWS_ENDPOINT_URL"), ({"KENNEL_ENV_BEFORE": "{}"}, 'eval "$(kennel env --undo)"')):
        error = kennel.run("status", "--target", "aws", status=2, AWS_ENDPOINT_URL="http://127.0.0.1:4566", **before).stderr
        assert f"AWS_ENDPOINT_URL=http://127.0.0.1:4566: this is the local SageMaker, not AWS; {way}, or use" in error
        lines = {"HTTPS_PROXY": "http://kennel:the-password@127.0.0.1:4567", **before}
        error = kennel.run("status", "--target", "aws", status=2, **lines).stderr
        way = way.replace("AWS_ENDPOINT_URL", "HTTPS_PROXY")
        assert f"HTTPS_PROXY leads to 127.0.0.1:4567, where the local SageMaker answers in AWS's place; {way}" in error
        assert "the-password" not in error
    assert "HTTPS_PROXY" not in kennel.run("status", "--target", "aws", status=2, HTTPS_PROXY="http://127.0.0.1:3128").stderr
    findings = kennel.run("doctor", "--target", "aws", status=1, AWS_ENDPOINT_URL="http://localhost:4566").stdout
    assert "fail  AWS_ENDPOINT_URL=http://localhost:4566" in findings


def test_without_credentials_aws_is_one_line(kennel: Kennel) -> None:
    kennel.settings(AWS)
    error = kennel.run("status", "--target", "aws", status=2).stderr
    assert "status: credentials:" in error and "sign in" in error and error.count("\n") == 1


def test_doctor_says_what_is_missing(kennel: Kennel) -> None:
    findings = kennel.run("doctor", "--target", "aws", status=1).stdout
    assert "fail  region, role-arn, bucket, train-image, serve-image: not given for target aws" in findings
    assert "kennel.toml is the place for it" in findings and not (kennel.folder / ".kennel").exists()


def test_the_next_command_can_be_typed_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from scripts.aws.settings import Settings, kennel_command

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/nowhere")
    assert (
        kennel_command("train", Settings(target="aws", home=Path(".kennel")))
        == f"{Path(sys.executable).with_name('kennel')} train --target aws"
    )
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "kennel").touch()
    assert kennel_command("train", Settings(target="local", home=Path(".kennel"))) == ".venv/bin/kennel train"


def test_every_make_target_passes_the_target_on() -> None:
    text = (ROOT / "Makefile").read_text()
    assert "export TARGET ?= local" in text
    for verb in [
        "demo",
        "data",
        "weights",
        "tune",
        "train",
        "deploy",
        "invoke",
        "logs",
        "status",
        "down",
        "doctor",
        "up",
        "stop",
    ]:
        assert f"\n{verb}: " in text and f"@$(KENNEL) {verb}" in text
