"""`kennel doctor`: this machine and the target, one check a function, each with what to do about it. It mends nothing."""

import platform
import shutil
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from scripts.aws import local_server
from scripts.aws.api import asleep, connect, misdirected
from scripts.aws.calls import Call
from scripts.aws.error_messages import explain
from scripts.aws.local_server import PORT
from scripts.check_result import CheckResult
from scripts.cli import extras
from scripts.cli.terminal import Terminal
from scripts.cli.verb_config import DoctorConfig
from scripts.errors import LaunchError
from scripts.images import docker_engine

DISK_GB, SHARED_MB = 10, 64
PYTHONS = ((3, 11), (3, 13))
"""The first and the last Python that pyproject.toml takes."""


Check = Callable[[DoctorConfig], CheckResult]


def python(config: DoctorConfig) -> CheckResult:
    first, last = PYTHONS
    status = "ok" if first <= sys.version_info[:2] <= last else "fail"
    return CheckResult(status, f"Python {platform.python_version()}", f"use Python 3.{first[1]} to 3.{last[1]}")


def packages(config: DoctorConfig) -> CheckResult:
    """What the launchers and the local server import."""
    missing = ", ".join(sorted(extras.absent("")))
    text = f"not installed: {missing}" if missing else "the packages of the launchers and the local SageMaker are installed"
    return CheckResult("fail" if missing else "ok", text, "install kennel again with pip, or in a checkout: make .venv/.ready")


def programs(config: DoctorConfig) -> CheckResult:
    """What training and serving import, where they run on this machine without containers."""
    try:
        extras.check("demo", config.settings)
    except LaunchError as error:
        return CheckResult("warn", str(error), "only kennel train, tune, deploy and demo on this machine need them")
    return CheckResult("ok", "the packages of the programs that run here are installed")


def port(config: DoctorConfig) -> CheckResult:
    if server := local_server.running(config.settings):
        return CheckResult("ok", f"local SageMaker is up on {server.url}")
    with socket.socket() as probe:
        taken = probe.connect_ex(("127.0.0.1", PORT)) == 0
    if taken:
        return CheckResult("warn", f"port {PORT} is taken by another program", "nothing: kennel up takes a free one")
    return CheckResult("ok", f"port {PORT} is free; local SageMaker is not up")


def disk(config: DoctorConfig) -> CheckResult:
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    return CheckResult(
        "ok" if free >= DISK_GB else "warn", f"{free:.0f} GB free here", f"free some: {DISK_GB} GB are comfortable"
    )


def shared_memory(config: DoctorConfig) -> CheckResult:
    place = Path("/dev/shm")
    if not place.is_dir():
        return CheckResult("warn", "no /dev/shm", "loader-workers=0 trains without it")
    size = shutil.disk_usage(place).total / 1e6
    fix = "start the container with --shm-size=1g, or train with loader-workers=0"
    return CheckResult("ok" if size > SHARED_MB else "warn", f"/dev/shm has {size:.0f} MB", fix)


def endpoint_variable(config: DoctorConfig) -> CheckResult:
    """Where other AWS tools go from this shell, against where this target goes."""
    if problem := misdirected(config.settings):
        return CheckResult("fail", problem)
    return CheckResult("ok", f"AWS_ENDPOINT_URL={config.endpoint_url}" if config.endpoint_url else "AWS_ENDPOINT_URL is not set")


def docker(config: DoctorConfig) -> CheckResult:
    """An engine, and a client that builds; only containers need them."""
    try:
        client = docker_engine.client()
        docker_engine.inspect("kennel-train")
    except LaunchError as error:
        return CheckResult("warn", str(error), "only images need it: kennel build, BACKEND=docker")
    return CheckResult("ok", f"Docker answers; {client.program} builds")


def settings(config: DoctorConfig) -> CheckResult:
    try:
        config.settings.need("region", "role_arn", "bucket", "train_image", "serve_image", "train_instance", "serve_instance")
    except LaunchError as error:
        return CheckResult("fail", str(error), "kennel.toml is the place for it")
    return CheckResult("ok", f"target {config.settings.target} in {config.settings.region}, bucket {config.settings.bucket}")


def identity(config: DoctorConfig) -> CheckResult:
    """Who the target takes us for."""
    who = connect(config.settings).ask("sts", "GetCallerIdentity")
    account = config.settings.role_arn.split(":")[4] if config.settings.role_arn.count(":") >= 5 else ""
    if account and account != who["Account"]:
        text = f"signed in to account {who['Account']}, but role-arn is of {account}"
        return CheckResult("fail", text, "AWS_PROFILE, or another role-arn")
    return CheckResult("ok", f"identity {who['Arn']}")


def role(config: DoctorConfig) -> CheckResult:
    """Whether SageMaker may take the role on."""
    name = config.settings.role_arn.rpartition("/")[2]
    found = connect(config.settings).find("iam", "GetRole", RoleName=name) if name else None
    if found is None:
        return CheckResult(
            "fail", f"no role {name or '(role-arn is not config)'}", "kennel policies prints what it needs; make it in IAM"
        )
    if "sagemaker.amazonaws.com" not in str(found["Role"].get("AssumeRolePolicyDocument", "")):
        return CheckResult(
            "fail", f"role {name} does not trust sagemaker.amazonaws.com", "kennel policies prints the trust policy"
        )
    return CheckResult("ok", f"role {name} trusts SageMaker")


def bucket(config: DoctorConfig) -> CheckResult:
    if not config.settings.bucket:
        return CheckResult("fail", "bucket: not given", "--bucket, or kennel.toml")
    connect(config.settings).ask("s3", "HeadBucket", Bucket=config.settings.bucket)
    return CheckResult("ok", f"bucket {config.settings.bucket} is there")


HERE: tuple[Check, ...] = (python, packages, programs, port, disk, shared_memory, endpoint_variable, docker, settings)
THERE: tuple[Check, ...] = (identity, role, bucket)
"""Checks that ask the target; left out while nobody is there to answer."""


def plan(config: DoctorConfig) -> list[Call]:
    return [
        Call("sts", "GetCallerIdentity", {}),
        Call("iam", "GetRole", {"RoleName": config.settings.role_arn.rpartition("/")[2]}),
        Call("s3", "HeadBucket", {"Bucket": config.settings.bucket}),
    ]


def run(config: DoctorConfig, output: Terminal) -> int:
    """Every check, whatever the others say. Exit 1 when one of them fails."""
    asking = () if asleep(config.settings) else THERE
    failed = output.results(_look(check, config) for check in (*HERE, *asking))
    output.next(config.settings, ("doctor", "once more") if failed else ("demo", "the whole story"))
    return 1 if failed else 0


def _look(check: Check, config: DoctorConfig) -> CheckResult:
    try:
        return check(config)
    except LaunchError as error:
        return CheckResult("fail", f"{check.__name__}: {error}")
    except Exception as error:
        known = explain(error)
        if known is None:
            raise
        return CheckResult("fail", f"{check.__name__}: {known}")
